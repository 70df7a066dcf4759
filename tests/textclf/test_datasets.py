"""Finding datasets by name, and their files on this machine."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from textclf import datasets
from textclf.dataset_config import Dataset
from textclf.datasets import Files
from textclf.errors import ConfigError, DataError, FetchError, UsageError

PACKAGED = ["ag_news", "amazon_full", "amazon_polarity", "dbpedia", "sample", "yelp_full"]


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of datasets, empty."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("TEXTCLF_CONFIG_DIR", str(folder))
    monkeypatch.delenv("TEXTCLF_DATA_DIR", raising=False)
    monkeypatch.delenv("TEXTCLF_MIRROR", raising=False)
    return folder


def test_all_packaged_datasets_have_a_name() -> None:
    assert datasets.names() == [*PACKAGED, "yelp_polarity"]
    assert [dataset.name for dataset in datasets.everything()] == datasets.names()


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("ag_news", "ag_news"),
        ("AG-News", "ag_news"),
        ("yelp", "yelp_polarity"),
        ("amazon", "amazon_polarity"),
        ("amazon-full", "amazon_full"),
    ],
)
def test_finds_by_name_and_alias(asked: str, name: str) -> None:
    assert datasets.find(asked).name == name


@pytest.mark.parametrize("asked", ["yelpp", "ag_nwes", "dbpedai"])
def test_suggests_the_nearest_name(asked: str) -> None:
    with pytest.raises(UsageError, match=r"did you mean (yelp|ag_news|dbpedia)\?") as caught:
        datasets.find(asked)
    assert caught.value.exit_code == 2


def test_says_what_to_do_about_a_name_like_no_other() -> None:
    with pytest.raises(UsageError, match="datasets list"):
        datasets.find("zzzzzz")


def test_finds_a_file_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[dataset]\ntask = "x"', encoding="utf-8")
    assert datasets.find(path).task == "x"
    with pytest.raises(ConfigError):
        datasets.find("./none.toml")


def test_a_file_in_the_users_folder_is_a_name_like_others(user: Path) -> None:
    (user / "mine.toml").write_text('[dataset]\naliases = ["m"]', encoding="utf-8")
    assert datasets.find("mine") == datasets.find("m")
    assert "mine" in datasets.names()


def test_the_users_files_come_first(user: Path) -> None:
    (user / "yelp_full.toml").write_text('[dataset]\ntask = "mine"', encoding="utf-8")
    assert datasets.find("yelp_full").task == "mine"
    assert datasets.names().count("yelp_full") == 1


def test_a_broken_file_is_in_nobodys_way(user: Path, caplog: pytest.LogCaptureFixture) -> None:
    (user / "broken.toml").write_text("[", encoding="utf-8")
    assert datasets.find("yelp").name == "yelp_polarity"
    assert "broken.toml" in caplog.text
    with pytest.raises(ConfigError, match="broken"):
        datasets.find("broken")


def put(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


MINE = Dataset("mine")


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_locates_files_of_every_kind(tmp_path: Path, kind: str, suffix: str) -> None:
    train, test = put(tmp_path / "mine", f"train.{kind}{suffix}", f"test.{kind}{suffix}")
    assert MINE.locate(tmp_path) == Files(train, None, test)


def test_validation_and_test_need_not_be_there(tmp_path: Path) -> None:
    (train,) = put(tmp_path / "mine", "train.csv")
    assert MINE.locate(tmp_path) == Files(train)
    (validation,) = put(tmp_path / "mine", "validation.csv.gz")
    assert MINE.locate(tmp_path) == Files(train, validation)


def test_without_a_training_file_there_is_nothing(tmp_path: Path) -> None:
    put(tmp_path / "mine", "test.csv", "train.csv.part", "train.txt")
    assert MINE.locate(tmp_path) is None
    assert MINE.locate(tmp_path / "nowhere") is None


def test_of_two_training_files_the_plain_one_is_used_and_the_other_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, _ = put(tmp_path / "mine", "train.csv", "train.csv.gz")
    assert MINE.locate(tmp_path) == Files(train)
    assert "train.csv.gz" in caplog.text


def test_files_named_in_the_configuration_are_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[dataset]\nfiles = { train = 'a.csv', test = 'b.csv' }", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv: there is no such file"):
        datasets.find(path).locate(tmp_path)
    train, test = put(tmp_path, "a.csv", "b.csv")
    assert datasets.find(path).locate() == Files(train, None, test)


def test_the_sample_comes_with_the_package(tmp_path: Path) -> None:
    sample = datasets.find("sample")
    files = sample.locate(tmp_path)
    assert files is not None
    assert files.train.read_text(encoding="utf-8").startswith("label,text\n")
    (mine,) = put(tmp_path / "sample", "train.csv")
    assert sample.locate(tmp_path) == Files(mine)


def test_the_data_folder_of_the_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTCLF_DATA_DIR", str(tmp_path))
    (train,) = put(tmp_path / "mine", "train.csv")
    assert MINE.locate() == Files(train)


def test_in_a_checkout_the_data_folder_is_that_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "__file__", str(tmp_path / "textclf" / "datasets.py"))
    put(tmp_path / "data")
    put(tmp_path, "pyproject.toml")
    assert datasets.default_data_dir() == tmp_path / "data"


def test_installed_the_data_folder_is_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "__file__", str(tmp_path / "textclf" / "datasets.py"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert datasets.default_data_dir().name == "textclf"


def test_what_is_there_is_not_fetched(tmp_path: Path) -> None:
    (train,) = put(tmp_path / "yelp_full", "train.jsonl.zst")
    assert datasets.fetch(datasets.find("yelp_full"), tmp_path) == Files(train)


def test_without_addresses_it_says_where_to_put_the_files(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"put train.csv and test.csv into {tmp_path}/mine"):
        datasets.fetch(MINE, tmp_path)


def test_nothing_can_be_verified_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to verify"):
        datasets.verify(MINE, tmp_path)


def test_looking_up_a_dataset_imports_nothing_heavy() -> None:
    code = (
        "import sys; from textclf import datasets; datasets.find('yelp').locate('/nowhere');"
        "print(*{'httpx', 'rich', 'numpy', 'filelock', 'tensorflow'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("", "")


def test_nothing_is_logged_when_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        datasets.everything()
    assert caplog.text == ""
