"""Packages kept from a library that would import them."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from textclf.lean_imports import hidden, postponed


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


def test_a_postponed_module_is_executed_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("late", "soon"):
        (tmp_path / f"{name}.py").write_text(f"import sys; sys.executed.append({name!r}); x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    executed: list[str] = []
    monkeypatch.setattr(sys, "executed", executed, raising=False)
    finders = list(sys.meta_path)
    with postponed(frozenset({"late", "none"})):
        late, _ = importlib.import_module("late"), importlib.import_module("soon")
        with pytest.raises(ModuleNotFoundError, match="none"):
            importlib.import_module("none")
    assert sys.meta_path == finders
    assert executed == ["soon"]
    assert late.x == 1
    assert executed == ["soon", "late"]
    for name in ("late", "soon"):
        del sys.modules[name]


def test_a_postponed_module_takes_no_name_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shadows"
    package.mkdir()
    (package / "__init__.py").write_text("from shadows import late, other as below")
    (package / "other.py").write_text("")
    (package / "late.py").write_text("import shadows.below; x = 1")
    (package / "below.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with postponed(frozenset({"shadows.late"})):
        shadows = importlib.import_module("shadows")
    assert shadows.late.x == 1
    assert shadows.below.__name__ == "shadows.other"
    for name in [name for name in sys.modules if name.startswith("shadows")]:
        del sys.modules[name]
