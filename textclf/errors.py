"""The errors that textclf raises on purpose: one line each, with the exit code of the command."""

from __future__ import annotations


class TextclfError(Exception):
    """An error whose text is one line: where it happened, what is wrong, what to do.

    Args:
        what: What is wrong.
        where: The file, row or setting concerned.
        remedy: What the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        line = f"{where}: {what}" if where else what
        super().__init__(
            " ".join(f"{line}; {remedy}".split()) if remedy else " ".join(line.split())
        )


def interruption(error: BaseException) -> BaseException | None:
    """Return what a signal's handler raised; None if the error is none of that.

    Within a compiled kernel numba makes a SystemError of it.
    """
    if not isinstance(error, (SystemError, KeyboardInterrupt, Interrupted)):
        return None
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (KeyboardInterrupt, Interrupted)):
        cause = cause.__cause__ or cause.__context__
    return cause


class UsageError(TextclfError):
    """The command or a function was called in a way it does not take."""

    exit_code = 2


class DataError(TextclfError):
    """The input data cannot be used as it is."""

    exit_code = 65


class FetchError(TextclfError):
    """A dataset could not be fetched, or failed its checksum."""

    exit_code = 69


class OutOfMemoryError(TextclfError):
    """The system gives no more memory."""

    exit_code = 71


class OutputError(TextclfError):
    """Output cannot be written: no space, no permission, no such folder."""

    exit_code = 73


class LockedError(TextclfError):
    """Another run holds the lock."""

    exit_code = 75


class ConfigError(TextclfError):
    """The configuration is wrong."""

    exit_code = 78


class QualityGateError(TextclfError):
    """The model was trained but is below the quality gate, and was not published."""

    exit_code = 80


class Interrupted(TextclfError):
    """A signal stopped the run; it can be resumed.

    Args:
        what: What was interrupted.
        signal_number: The signal, SIGINT (2) or SIGTERM (15).
    """

    def __init__(self, what: str, signal_number: int, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.exit_code = 128 + signal_number
