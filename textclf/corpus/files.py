"""File names and patterns of them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from textclf.corpus.compression import display_name
from textclf.errors import DataError


def expand_files(names: Sequence[str | Path]) -> tuple[str, ...]:
    """Return the files that names and patterns stand for, the matches of a pattern sorted.

    A name that exists is taken as it is, whatever characters it has; `-` is standard input;
    `**` matches any folders.

    Raises:
        DataError: If a pattern matches no file.
    """
    files: list[str] = []
    for name in map(str, names):
        if name == "-" or not glob.has_magic(name) or exists(name):
            files.append(name)
            continue
        found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())  # noqa: PTH207 - takes absolute patterns
        if not found:
            raise DataError("no file matches", where=name, remedy="check the pattern")
        files += found
    return tuple(files)


def name_all(files: Sequence[str]) -> str:
    """Return files as an error names them: the first, and how many more."""
    first = display_name(files[0])
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"


def exists(name: str) -> bool:
    """Return whether there is such a file; a name that cannot be one is none."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
