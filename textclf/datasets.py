"""Named datasets: what each one is, where its files lie, and how to get them."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from textclf.corpus.compression import SUFFIXES
from textclf.dataset_config import Dataset, read
from textclf.errors import ConfigError, DataError, UsageError
from textclf.progress import Report, silent

if TYPE_CHECKING:
    from textclf.verification import Verification

__all__ = [
    "Dataset",
    "Files",
    "default_data_dir",
    "everything",
    "fetch",
    "files_in",
    "find",
    "folder",
    "is_file",
    "locate",
    "names",
    "user_config_dir",
    "verify",
]

logger = logging.getLogger(__name__)

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a dataset on this machine.

    Attributes:
        train: The training rows.
        validation: Rows for early stopping, where the dataset has its own.
        test: Rows for the final score, if there are any.
    """

    train: Path
    validation: Path | None = None
    test: Path | None = None


def names() -> list[str]:
    """Return the names of all datasets, those of the user included, in alphabetical order."""
    return sorted({path.stem for path in _configs()})


def is_file(name: str) -> bool:
    """Return whether a dataset is given by its TOML file, not by its name."""
    return name.endswith(".toml") or "/" in name or os.sep in name


def find(name: str | Path) -> Dataset:
    """Return a dataset by its name, an alias, or the path of a TOML file.

    Capitals do not matter, nor does `-` for `_`. A file NAME.toml in the user's folder (see
    `user_config_dir`) is found like the ones that come with the package, and before them.

    Raises:
        UsageError: There is no dataset of that name.
        ConfigError: Its TOML file is missing or wrong.
    """
    text = os.fspath(name)
    if is_file(text):
        return read(Path(text).expanduser())
    wanted = _key(text)
    for path in _configs():
        if _key(path.stem) == wanted:
            return read(path)
    known: list[str] = []
    for dataset in _readable():
        known += [dataset.name, *dataset.aliases]
        if wanted in map(_key, (dataset.name, *dataset.aliases)):
            return dataset
    raise UsageError(f"there is no dataset {text!r}", remedy=_advice(wanted, known))


def everything() -> list[Dataset]:
    """Return every dataset, in the order of `names`; files that cannot be read are logged."""
    return sorted(_readable(), key=lambda dataset: dataset.name)


def locate(dataset: Dataset, data_dir: str | Path | None = None) -> Files | None:
    """Return the files of a dataset that are on this machine, or None if there is no training file.

    Args:
        dataset: What `find` returned.
        data_dir: Folder in which NAME/train.csv and NAME/test.csv are looked for, with any ending
            of FORMATS, compressed or not, the first of them first; by default `default_data_dir()`.

    Raises:
        DataError: The dataset's TOML file names a file that does not exist.
    """
    if dataset.files:
        return _own_files(dataset)
    found = files_in(folder(dataset, data_dir))
    if found is None and dataset.packaged:
        found = files_in(_packaged_folder(dataset.name))
    return found


def folder(dataset: Dataset, data_dir: str | Path | None = None) -> Path:
    """Return the folder below the data folder that is the dataset's own."""
    base = default_data_dir() if data_dir is None else Path(data_dir).expanduser()
    return base / dataset.name


def default_data_dir() -> Path:
    """Return TEXTCLF_DATA_DIR, or `data/` of a checkout, or the user's data folder."""
    if set_by_user := os.environ.get("TEXTCLF_DATA_DIR"):
        return Path(set_by_user).expanduser()
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    import platformdirs

    return Path(platformdirs.user_data_dir("textclf", appauthor=False))


def user_config_dir() -> Path:
    """Return the folder of the user's own datasets: TEXTCLF_CONFIG_DIR, or the platform's."""
    if set_by_user := os.environ.get("TEXTCLF_CONFIG_DIR"):
        return Path(set_by_user).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("textclf", appauthor=False)) / "datasets"


def fetch(
    dataset: Dataset,
    data_dir: str | Path | None = None,
    *,
    progress: Report | None = None,
) -> Files:
    """Return the files of a dataset, downloading them first if they are not there.

    Args:
        dataset: What `find` returned.
        data_dir: Where NAME/ is looked for and written; by default `default_data_dir()`.
        progress: Called now and then with how far it is.

    Raises:
        FetchError: No mirror has the file, or what it has fails its checksum.
        OutputError: The data folder cannot be written, or has no room.
    """
    found = locate(dataset, data_dir)
    if found is not None:
        return found
    from textclf.fetching import fetch as download

    download(dataset, folder(dataset, data_dir), report=progress or silent)
    found = locate(dataset, data_dir)
    if found is None:
        raise ConfigError(
            "its downloads hold no training file",
            where=dataset.source,
            remedy="one of `file` or `unpack` must be train.csv (or .tsv, .jsonl, .parquet)",
        )
    return found


def verify(
    dataset: Dataset, data_dir: str | Path | None = None, *, progress: Report | None = None
) -> Verification:
    """Compare the files of a dataset with what was fetched, or with what is published.

    Args:
        dataset: What `find` returned.
        data_dir: Where NAME/ is looked for; by default `default_data_dir()`.
        progress: Called now and then with how far it is.

    Raises:
        DataError: There is nothing to verify.
    """
    from textclf import verification

    found = locate(dataset, data_dir)
    if found is None:
        raise DataError(
            "there is nothing to verify",
            where=str(folder(dataset, data_dir)),
            remedy=f"`textclf datasets fetch {dataset.name}` downloads it",
        )
    paths = [path for path in (found.train, found.validation, found.test) if path is not None]
    return verification.verify(dataset, paths, report=progress or silent)


def _own_files(dataset: Dataset) -> Files:
    for path in dataset.files.values():
        if not path.is_file():
            raise DataError(
                "there is no such file", where=str(path), remedy=f"see {dataset.source}"
            )
    return Files(dataset.files["train"], dataset.files.get("validation"), dataset.files.get("test"))


def files_in(where: Path) -> Files | None:
    """Return the files of a dataset that lie in a folder, or None if there is no training file."""
    train = _first(where, "train")
    if train is None:
        return None
    return Files(train, _first(where, "validation"), _first(where, "test"))


def _first(where: Path, stem: str) -> Path | None:
    candidates = (where / f"{stem}{fmt}{suffix}" for fmt in FORMATS for suffix in ("", *SUFFIXES))
    found = [path for path in candidates if path.is_file()]
    if len(found) > 1:
        others = ", ".join(path.name for path in found[1:])
        logger.warning("%s is used; beside it lies %s", found[0], others)
    return found[0] if found else None


def _packaged_folder(name: str) -> Path:
    return Path(str(resources.files("textclf.data"))) / name


def _configs() -> Iterator[Path]:
    """Yield the TOML files, those of the user first."""
    packaged = Path(str(resources.files("textclf.configs")))
    for where in (user_config_dir(), packaged):
        if where.is_dir():
            yield from sorted(where.glob("*.toml"))


def _readable() -> Iterator[Dataset]:
    seen: set[str] = set()
    for path in _configs():
        try:
            dataset = read(path)
        except ConfigError as error:
            logger.warning("%s", error)
            continue
        if dataset.name not in seen:
            seen.add(dataset.name)
            yield dataset


def _key(name: str) -> str:
    return name.lower().replace("-", "_")


def _advice(wanted: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    own = "; a file of your own goes to --train-file" if Path(wanted).is_file() else ""
    return f"`textclf datasets list` shows them{own}"
