"""The TOML file of a dataset."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from textclf.dataset_config import Dataset, Layout, read
from textclf.errors import ConfigError

SHA = "ab" * 32
DOWNLOAD = f"""
[[dataset.downloads]]
file = "data.tgz"
bytes = 10
sha256 = "{SHA}"
urls = ["https://example.org/data.tgz"]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_has_a_default(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    assert read(path) == Dataset(name="mine", source=str(path))


def test_reads_every_key(tmp_path: Path) -> None:
    text = f"""
        [dataset]
        name = "other"
        aliases = ["o"]
        description = "texts"
        task = "guess"
        classes = ["no", "yes"]
        labels = ["0", "1"]
        rows = {{ train = 10, test = 2 }}
        licence = "free"
        homepage = "https://example.org"
        files = {{ train = "a.csv", test = "/b.csv" }}
        checksums = {{ "a.csv" = "{SHA}" }}
        packaged = true
        [dataset.layout]
        header = true
        label_column = "y"
        text_columns = ["title", 3]
        [training]
        batch_size = 64
        {DOWNLOAD}
        unpack = ["train.csv"]
        mirror_path = "there/data.tgz"
    """
    dataset = read(written(tmp_path, text))
    assert dataset.class_names == {"0": "no", "1": "yes"}
    assert dataset.rows == {"train": 10, "test": 2}
    assert dataset.files == {"train": tmp_path / "a.csv", "test": Path("/b.csv")}
    assert dataset.layout == Layout(True, "y", ("title", 3))
    assert dataset.settings == {"training": {"batch_size": 64}}
    (download,) = dataset.downloads
    assert (download.size, download.unpack) == (10, ("train.csv",))
    assert download.mirror_path == "there/data.tgz"


def test_classes_are_numbered_from_one_by_default(tmp_path: Path) -> None:
    dataset = read(written(tmp_path, '[dataset]\nclasses = ["bad", "good"]'))
    assert dataset.class_names == {"1": "bad", "2": "good"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[dataset", "is not valid TOML"),
        ("[datasets]", "no key datasets; did you mean dataset?"),
        ("dataset = 1", "dataset must be a section, not 1"),
        ("training = 1", "training must be a section"),
        ("[dataset]\nalias = []", "no key dataset.alias; did you mean aliases?"),
        ("[dataset]\nsource = 'x'", "no key dataset.source"),
        ("[dataset]\nname = 'a/b'", "dataset.name is no name for a folder"),
        ("[dataset]\nname = '..'", "dataset.name is no name for a folder"),
        ("[dataset]\nname = 3", "dataset.name must be a string, not 3"),
        ("[dataset]\naliases = 'x'", "dataset.aliases must be a list"),
        ("[dataset]\naliases = [1]", "dataset.aliases must hold strings"),
        ("[dataset]\nlabels = ['1']", "dataset.labels must be as many as classes"),
        ("[dataset]\nrows = { train = true }", "dataset.rows.train must be a whole number"),
        ("[dataset]\nrows = { trian = 1 }", "dataset.rows.trian; did you mean train?"),
        ("[dataset]\nfiles = { test = 'x' }", "dataset.files needs a file for train"),
        ("[dataset]\nchecksums = { 'a.csv' = 'x' }", "checksums must hold 64 hexadecimal"),
        ("[dataset.layout]\nheader = 'no'", "dataset.layout.header must be true or false"),
        ("[dataset.layout]\nlabel_column = 0", "label_column must name columns, or number"),
        ("[dataset.layout]\ntext_columns = [true]", "text_columns must name columns, or number"),
        ("[dataset]\ndownloads = [1]", "must be sections"),
        ("[[dataset.downloads]]\nfile = 'a'", "dataset.downloads.sha256 is missing"),
        (DOWNLOAD.replace(SHA, "abc"), "sha256 must be 64 hexadecimal digits"),
        (DOWNLOAD.replace("https", "file"), "urls must be addresses"),
        (DOWNLOAD.replace("bytes = 10", "bytes = 0"), "bytes must be positive"),
        (DOWNLOAD.replace('file = "data', 'file = "../data'), "names without a folder"),
        (DOWNLOAD + "unpack = ['/etc/passwd']", "names without a folder"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code == 78


def test_a_file_that_is_not_there_or_no_text_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("name", "classes", "train", "test", "size"),
    [
        ("ag_news", 4, 120_000, 7_600, 29_470_338 + 1_857_427),
        ("dbpedia", 14, 560_000, 70_000, 68_341_743),
        ("yelp_polarity", 2, 560_000, 38_000, 166_373_201),
        ("yelp_full", 5, 650_000, 50_000, 196_146_755),
        ("amazon_polarity", 2, 3_600_000, 400_000, 688_339_454),
        ("amazon_full", 5, 3_000_000, 650_000, 643_695_014),
        ("sample", 5, 4_000, 1_000, 0),
    ],
)
def test_the_packaged_files_are_right(
    name: str, classes: int, train: int, test: int, size: int
) -> None:
    dataset = read(Path(str(resources.files("textclf.configs"))) / f"{name}.toml")
    assert dataset.name == name
    assert len(dataset.class_names) == classes
    assert dataset.rows == {"train": train, "test": test}
    assert sum(source.size for source in dataset.downloads) == size
    assert dataset.description
    assert dataset.licence
    names = {file for source in dataset.downloads for file in source.unpack or (source.file,)}
    assert names == (set() if name == "sample" else {"train.csv", "test.csv"})
