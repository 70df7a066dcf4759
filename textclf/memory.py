"""How much memory the process has used."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


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
    mallopt(-3, 1 << 18)  # M_MMAP_THRESHOLD: from this size on, arrays are mapped one by one
    mallopt(-8, 2)  # M_ARENA_MAX
    trim(0)
