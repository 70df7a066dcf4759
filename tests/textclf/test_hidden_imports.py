"""Packages kept from a library that would import them."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from textclf.hidden_imports import hidden


def test_a_hidden_package_is_hidden_from_one_thread_for_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optional_one.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    with hidden(frozenset({"optional_one"}), "a library"):
        with pytest.raises(ModuleNotFoundError, match="not imported with a library"):
            importlib.import_module("optional_one")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(importlib.import_module, "optional_one").result()
    assert importlib.import_module("optional_one")
    assert sys.meta_path == finders
    del sys.modules["optional_one"]
