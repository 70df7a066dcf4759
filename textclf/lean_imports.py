"""Packages that a library imports and does not need, left out or put off until they are used."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


@contextmanager
def hidden(packages: frozenset[str], library: str) -> Iterator[None]:
    """Let imports of packages that are not imported yet fail, on this thread alone.

    Args:
        packages: Their full names.
        library: What is imported meanwhile, for the error.
    """
    with _first(_Hider(packages, library)):
        yield


@contextmanager
def postponed(modules: frozenset[str]) -> Iterator[None]:
    """Let modules that are imported meanwhile, on any thread, be executed when they are used.

    Args:
        modules: Their full names.
    """
    with _first(_Postponer(modules)):
        yield


@contextmanager
def _first(finder: MetaPathFinder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Postponer(MetaPathFinder):
    """Finds modules where they are, but lets them be loaded later."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname in self._modules else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(_Late(spec.loader))
        return spec


class _Late(Loader):
    """Executes a module and leaves the names of the package at the top as they are.

    A package may give another module the name of one below it, and importing that takes the name
    back: TensorFlow's `distribute`, once `compat` is executed.

    Args:
        loader: Executes it.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        top = sys.modules[module.__name__.partition(".")[0]]
        before = dict(vars(top))
        self._loader.exec_module(module)
        vars(top).update(before)


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
