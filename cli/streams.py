"""Standard streams that are closed, or whose other end is gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def open_closed() -> None:
    """Take the descriptors of streams that are closed, lest a file that is opened gets them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest that is free
    if sys.stderr is None:  # libraries want one, some as soon as they are imported
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - kept open


def abandon(descriptor: int) -> None:
    """Have what is still written to a descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Stderr:
    """Standard error, for those who write to it on and on: once it is gone, that goes nowhere."""

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return sys.stderr.write(text)
        except OSError:
            abandon(2)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            sys.stderr.flush()
        except OSError:
            abandon(2)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)
