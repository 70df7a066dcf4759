"""What the system says of files that cannot be read, as one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf.errors import DataError


def unreadable(where: str, error: OSError | ValueError) -> DataError:
    """Return the error for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return DataError("no such file", where=where, remedy="check the path")
    if isinstance(error, PermissionError):
        return DataError(
            "may not be read (permission denied)", where=where, remedy="change its permissions"
        )
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError(f"cannot be read ({reason})", where=where, remedy="check the file")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within it, nothing is written: a file that the system refuses is bad input.

    Args:
        path: What is named where the system names no file.

    Raises:
        DataError: If something cannot be read.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOMEM:  # which is no fault of the file's
            raise
        raise unreadable(str(error.filename or path), error) from error
