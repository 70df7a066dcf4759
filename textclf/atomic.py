"""Replaces a file in one step: a reader sees the old one or the new one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from textclf.errors import OutputError


def write_text(path: Path, text: str, remedy: str) -> None:
    """Write a text in UTF-8 in place of what a file holds.

    Args:
        path: The file.
        text: The text.
        remedy: What an error tells the user to do.

    Raises:
        OutputError: If it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
    try:
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror})", where=str(path), remedy=remedy
        ) from error
