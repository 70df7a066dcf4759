"""Options that say what becomes of rows that cannot be used."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from textclf.corpus.bad_rows import BadRows
from textclf.errors import UsageError

from .options import PATH

R = TypeVar("R")


def bad_row_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add --skip-bad-rows and --rejects, and pass the command a `bad_rows`."""

    @click.option(
        "--skip-bad-rows",
        default="0",
        metavar="N|P%",
        help="Leave out up to N bad rows, or P per cent of the rows; of files that are read as "
        "one, together.  [default: 0]",
    )
    @click.option("--rejects", type=PATH, help="Write bad rows, and why they are bad, to this TSV.")
    @functools.wraps(command)
    def wrapped(*args: Any, skip_bad_rows: str, rejects: Path | None, **kwargs: Any) -> R:
        tolerated = BadRows(tolerance(skip_bad_rows), rejects)
        return command(*args, bad_rows=tolerated, **kwargs)

    return wrapped


def tolerance(text: str) -> int | float:
    """Return a number of rows, such as 20, or a share of them, such as 0.005 for 0.5%.

    Raises:
        UsageError: If it is neither.
    """
    match = re.fullmatch(r"(\d{1,15})|(\d{1,3}(?:\.\d+)?) ?%", text.strip(), re.ASCII)
    if match is None or (match[2] and float(match[2]) > 100):
        raise UsageError(
            f"--skip-bad-rows {text!r} is neither a number nor a share",
            remedy="write it like 20 or 0.5%",
        )
    return int(match[1]) if match[1] else float(match[2]) / 100
