"""Replaces a file in one step, and makes sure of what is on the disk."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from textclf.writing import unwritable

_MOST_LINKS = 40  # as the system follows, some of which may go round in a circle


def replaceable(path: Path) -> Path | None:
    """Return the file that another may take the place of: the one that links lead to.

    Returns:
        None for what is no file of its own, and can only be written to: a device, a pipe, and
        names of open files such as /dev/stdout.

    Raises:
        OSError: If that cannot be told.
    """
    if path.exists() and not path.is_file():
        return None
    step = path
    for _ in range(_MOST_LINKS):
        if not step.is_symlink():
            return step
        step = step.parent.resolve() / step.name
        if step.is_relative_to("/proc"):
            return None
        step = step.parent / step.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def write_text(path: Path, text: str, remedy: str) -> None:
    """Write a text in UTF-8 in place of what a file holds, or to a device or pipe.

    Args:
        path: The file.
        text: The text.
        remedy: What an error tells the user to do.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        target = replaceable(path)
        if target is None:
            with path.open("w", encoding="utf-8") as file:
                file.write(text)
            return
        unfinished = target.with_name(f".{target.name}.{secrets.token_hex(3)}")
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error, remedy) from error


def sync(path: Path) -> None:
    """Make sure that a file or a folder is on the disk; not what a link leads to.

    Raises:
        OSError: If the system cannot.
    """
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
