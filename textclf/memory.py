"""How much memory the process has used and may use, and what to say when there is no more."""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf.errors import OutOfMemoryError

# Address space in which the smallest corpus is trained on two cores; in less, TensorFlow aborts.
_LEAST = 1900 << 20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
# Said where memory ran out.
REMEDY = "give it more memory, or smaller ngrams.max_features and ngrams.count_memory_mb"


def check_address_space() -> None:
    """Refuse to train in less address space than TensorFlow needs.

    Where `ulimit -v` leaves less, libraries do not fail but abort; or they try again for ever, as
    OpenBLAS does while it is imported, and lets no signal through. So it is imported here, while
    there is room.

    Raises:
        OutOfMemoryError: If the limit is too low.
    """
    limit = _address_space()
    if limit is None:
        return
    if limit < _LEAST:
        raise OutOfMemoryError(
            f"{limit >> 20} MiB of address space are too few to train in",
            where="ulimit -v",
            remedy="allow 2048 MiB, or better 4096 MiB",
        )
    import scipy.linalg  # noqa: F401


def ended_for_memory(code: int | None) -> bool:
    """Return whether a process may have ended so because there was no more memory.

    Linux kills the largest; where address space is limited, libraries abort in one way or another.

    Args:
        code: As of `subprocess`: what it ended with, or the negative of the signal.
    """
    return code == -signal.SIGKILL or _address_space() is not None


def _address_space() -> int | None:
    """Return the limit of the process' address space in bytes, if there is one."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn whatever says that memory ran out into one line.

    Raises:
        OutOfMemoryError: In its place.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"memory ran out ({str(error).splitlines()[0][:80] if str(error) else 'MemoryError'})",
            remedy=REMEDY,
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the system gives no more memory, threads or mappings."""
    said = str(error).lower()
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, ImportError):
        return "failed to map segment" in said or "cannot allocate memory" in said
    if type(error) is RuntimeError:
        return "can't start new thread" in said
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def peak_rss_bytes() -> int:
    """Return the most memory, in bytes, that the process has held at once.

    Linux' VmHWM is asked first: ru_maxrss also counts what a larger parent held before the
    program began.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def map_large_arrays() -> None:
    """Have glibc map large arrays one by one, and unmap them when they are freed.

    By default it keeps ever larger freed blocks for itself, in a heap a thread, so that the memory
    of a long job creeps up with the number of its blocks.
    """
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, 4 << 20)
        libc.mallopt(_M_ARENA_MAX, 2)


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for the next allocation.

    TensorFlow's generator datasets make it hand every tensor above 128 KiB back to the system,
    which clears its pages for the next step: a third of the processor time of training.
    """
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most that glibc takes
        libc.mallopt(_M_TRIM_THRESHOLD, 128 << 20)


def return_freed_memory() -> None:
    """Have glibc give back to the system what it keeps, before something else needs the room."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
