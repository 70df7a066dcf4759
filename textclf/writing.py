"""What the system says of a full or read-only disk, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf.errors import OutputError


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
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise OutputError(
            f"cannot be written ({why})",
            where=str((isinstance(error, OSError) and error.filename) or folder),
            remedy="make room, or give --models-dir with a folder that you may write to",
        ) from error
