"""What is said where the system refuses something that no module foresaw."""

from __future__ import annotations

import errno

from textclf.errors import OutOfMemoryError, OutputError, TextclfError, UsageError

_BAD_PATHS = (errno.ENAMETOOLONG, errno.ELOOP)
_UNWRITTEN = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM
)  # fmt: skip


def refused(error: MemoryError | OSError) -> TextclfError:
    """Return the error, with its exit code."""
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        return OutOfMemoryError("memory ran out", remedy="give the command more of it")
    where, why = str(error.filename or ""), error.strerror or str(error)
    if error.errno in _BAD_PATHS:
        return UsageError(f"is no path ({why})", where=where, remedy="name another one")
    if error.errno in _UNWRITTEN:
        remedy = "make room, or write to a place where you may"
        return OutputError(f"cannot be written ({why})", where=where or "output", remedy=remedy)
    what = f"cannot be read or written ({why})"
    return OutputError(what, where=where, remedy="--debug shows what for")
