"""How TensorFlow is imported; that it is quiet is tested with training."""

from __future__ import annotations

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from textclf.tensorflow_runtime import _hidden


def test_a_hidden_package_is_hidden_from_one_thread_for_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optional_one.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    with _hidden(frozenset({"optional_one"})):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("optional_one")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(importlib.import_module, "optional_one").result()
    assert importlib.import_module("optional_one")
    assert sys.meta_path == finders
    del sys.modules["optional_one"]


# Each turn of the loop ends by putting back the filters of warnings that were there before it.
FILTERING = """
import sys, warnings
from textclf.tensorflow_runtime import preload
thread = preload(1, lean=True)
while thread.is_alive():
    with warnings.catch_warnings():
        thread.join(0.001)
assert "tensorflow" in sys.modules
"""


def test_no_warning_of_an_import_is_shown_where_another_thread_resets_the_filters() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILTERING], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
