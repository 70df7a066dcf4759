"""Packages that a library imports if it finds them, kept from it where it needs none of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


@contextmanager
def hidden(packages: frozenset[str], library: str) -> Iterator[None]:
    """Let imports of packages that are not imported yet fail, on this thread alone.

    Args:
        packages: Their full names.
        library: What is imported meanwhile, for the error.
    """
    hider = _Hider(packages, library)
    sys.meta_path.insert(0, hider)
    try:
        yield
    finally:
        sys.meta_path.remove(hider)


class _Hider(MetaPathFinder):
    """Says that packages are not there, to one thread."""

    def __init__(self, packages: frozenset[str], library: str) -> None:
        self._packages, self._library = packages, library
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(
                f"{fullname} is not imported with {self._library}", name=fullname
            )
        return None
