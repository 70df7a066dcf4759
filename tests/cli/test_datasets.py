"""textclf datasets list, describe, fetch and verify."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from textclf.cli.datasets import datasets
from textclf.errors import FetchError, UsageError

ROWS = b"1,good\n2,bad\n"


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of datasets, with the data folder beside it."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("TEXTCLF_CONFIG_DIR", str(folder))
    monkeypatch.setenv("TEXTCLF_DATA_DIR", str(tmp_path / "data"))
    return folder


@pytest.fixture
def mirror(
    tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[http.server.HTTPServer]:
    """A server of the dataset `mine`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "train.csv").write_bytes(ROWS)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("TEXTCLF_MIRROR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (user / "mine.toml").write_text(
        f"[[dataset.downloads]]\nfile = 'train.csv'\nbytes = {len(ROWS)}\n"
        f"sha256 = '{hashlib.sha256(ROWS).hexdigest()}'\nurls = ['http://unused.invalid']\n",
        encoding="utf-8",
    )
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(datasets, arguments, catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list_shows_every_dataset_on_a_line() -> None:
    lines = run("list").stdout.splitlines()
    assert lines[0].split()[:2] == ["name", "classes"]
    assert [line.split()[0] for line in lines[1:]] == [
        "ag_news", "amazon_full", "amazon_polarity", "dbpedia", "sample", "yelp_full",
        "yelp_polarity",
    ]  # fmt: skip
    assert "yelp_polarity = yelp" in lines[-1]


def test_list_as_json_is_one_object(tmp_path: Path) -> None:
    (tmp_path / "data" / "yelp_full").mkdir(parents=True)
    (tmp_path / "data" / "yelp_full" / "train.csv").touch()
    found = {each["name"]: each for each in json.loads(run("list", "--json").stdout)["datasets"]}
    assert found["yelp_full"]["files"] == {"train": str(tmp_path / "data/yelp_full/train.csv")}
    assert found["ag_news"]["files"] == {}
    assert found["ag_news"]["classes"]["2"] == "Sports"
    assert found["amazon_full"]["rows"] == {"train": 3_000_000, "test": 650_000}


def test_list_gets_over_a_dataset_whose_files_are_gone(user: Path) -> None:
    (user / "gone.toml").write_text("[dataset]\nfiles = { train = 'no.csv' }", encoding="utf-8")
    assert "gone" in run("list").stdout


def test_describe_says_what_it_is_and_where_it_comes_from() -> None:
    text = run("describe", "amazon").stdout
    for part in ("amazon_polarity", "negative, positive", "3,600,000 train", "688 MB", "https://"):
        assert part in text
    assert "not on this machine" in text


def test_dates_in_settings_are_told_as_they_are_written(user: Path) -> None:
    (user / "mine.toml").write_text("[training]\nseed = 2020-01-01\n")
    found = json.loads(run("describe", "mine", "--json").stdout)
    assert found["settings"]["training"]["seed"] == "2020-01-01"


def test_describe_shows_the_settings_that_the_dataset_changes(user: Path) -> None:
    (user / "mine.toml").write_text("[training]\nbatch_size = 64", encoding="utf-8")
    assert "training.batch_size = 64" in run("describe", "mine").stdout
    assert json.loads(run("describe", "mine", "--json").stdout)["settings"] == {
        "training": {"batch_size": 64}
    }


@pytest.mark.usefixtures("mirror")
def test_fetch_prints_the_paths(tmp_path: Path) -> None:
    result = run("fetch", "mine")
    assert result.stdout == f"{tmp_path}/data/mine/train.csv\n"
    assert "download train.csv" in result.stderr
    assert (tmp_path / "data/mine/train.csv").read_bytes() == ROWS


@pytest.mark.usefixtures("mirror")
def test_fetch_takes_the_data_folder_from_the_flag(tmp_path: Path) -> None:
    result = run("fetch", "mine", "--json", "--data-dir", str(tmp_path / "other"))
    files = {"train": str(tmp_path / "other/mine/train.csv")}
    assert json.loads(result.stdout) == {"name": "mine", "files": files}


@pytest.mark.usefixtures("mirror")
def test_a_folder_that_is_a_link_is_filled_where_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk" / "mine").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").symlink_to(tmp_path / "disk" / "mine")
    run("fetch", "mine")
    assert (tmp_path / "data" / "mine").is_symlink()
    assert (tmp_path / "disk" / "mine" / "train.csv").read_bytes() == ROWS


@pytest.mark.usefixtures("mirror")
def test_quiet_says_nothing_on_success() -> None:
    assert run("fetch", "mine", "--quiet").output == ""
    assert run("verify", "mine", "--quiet").output == ""


def test_fetch_fails_with_the_reason(mirror: http.server.HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "served" / "train.csv").write_bytes(ROWS[::-1])
    with pytest.raises(FetchError, match="checksum"):
        run("fetch", "mine")


def test_an_unknown_name_is_an_error_of_usage() -> None:
    for command in ("describe", "fetch", "verify"):
        with pytest.raises(UsageError, match="did you mean yelp"):
            run(command, "yelpp")


@pytest.mark.usefixtures("mirror")
def test_verify_tells_files_that_were_changed(tmp_path: Path) -> None:
    run("fetch", "mine")
    path = tmp_path / "data" / "mine" / "train.csv"
    assert run("verify", "mine").stdout == f"{path}: ok: as it was fetched\n"
    path.write_bytes(ROWS + b"2,worse\n")
    with pytest.raises(FetchError, match="was changed since it was fetched"):
        run("verify", "mine")


def test_verify_as_json_holds_sizes_checksums_and_rows(tmp_path: Path, user: Path) -> None:
    (user / "mine.toml").write_text("", encoding="utf-8")
    (tmp_path / "data" / "mine").mkdir(parents=True)
    path = tmp_path / "data" / "mine" / "train.csv.gz"
    path.write_bytes(gzip.compress(ROWS))
    (file,) = json.loads(run("verify", "mine", "--json").stdout)["files"]
    assert file.pop("note")
    assert file == {
        "file": str(path),
        "status": "unknown",
        "bytes": len(ROWS),
        "sha256": hashlib.sha256(ROWS).hexdigest(),
        "rows": 2,
    }
