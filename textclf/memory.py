"""How much memory the process has used and may use, and what to say when there is no more."""

from __future__ import annotations

import errno
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf.errors import OutOfMemoryError

# Address space in which the smallest corpus was trained on two cores: 1500 MiB.
_LEAST = 1400 << 20
_REMEDY = "give --memory-limit 50M, fewer ngrams.max_features, or more memory"


def check_address_space() -> None:
    """Refuse to train in less address space than TensorFlow needs.

    Where `ulimit -v` leaves less, libraries do not fail but abort; or they try again for ever, as
    OpenBLAS does while it is imported, and lets no signal through. So it is imported here, while
    there is room.

    Raises:
        OutOfMemoryError: If the limit is too low.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    if limit < _LEAST:
        raise OutOfMemoryError(
            f"{limit >> 20} MiB of address space are too few to train in",
            where="ulimit -v",
            remedy="allow 1600 MiB, or better 4096 MiB",
        )
    import scipy.linalg  # noqa: F401


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
            remedy=_REMEDY,
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


def return_freed_memory() -> None:
    """Have the C library give large freed arrays back to the system at once (glibc only).

    By default glibc keeps ever larger freed blocks for itself, in an arena a thread, so that the
    memory of a long job creeps up with the number of its blocks.
    """
    import ctypes

    try:
        libc = ctypes.CDLL("libc.so.6")
        mallopt, trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):
        return
    mallopt(-3, 4 << 20)  # M_MMAP_THRESHOLD: from this size on, arrays are mapped one by one
    mallopt(-8, 2)  # M_ARENA_MAX
    trim(0)
