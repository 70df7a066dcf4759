"""What the system says of a full or read-only disk, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf.errors import OutputError


def unwritable(where: str | Path, error: Exception, remedy: str) -> OutputError:
    """Return the error for what cannot be written.

    Args:
        where: A file or folder.
        error: What the system, or safetensors, says of it.
        remedy: What the user can do about it.
    """
    why = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot be written ({why})", where=str(where), remedy=remedy)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within it, what the system refuses is output that cannot be written.

    Args:
        folder: What is named where the system names no file.

    Raises:
        OutputError: If something cannot be written.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        where = getattr(error, "filename", None) or folder
        remedy = "make room, or give --models-dir with a folder that you may write to"
        raise unwritable(where, error, remedy) from error
