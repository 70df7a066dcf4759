"""How TensorFlow is imported; that it is quiet is tested with training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


# numpy.ma goes over numpy's types, to which TensorFlow adds its own.
BEFORE = """
import sys
from textclf import tensorflow_runtime
assert "numpy.ma" not in sys.modules
seen = []
tensorflow_runtime.load_tensorflow = lambda *_, **__: seen.append("numpy.ma" in sys.modules)
tensorflow_runtime.preload().join()
assert seen == [True]
"""


def test_what_goes_over_the_types_is_imported_before_there_are_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What is put off is executed when networks are forgotten, and has names of its own for modules.
FORGOTTEN = """
from textclf.tensorflow_runtime import forget_networks, load_tensorflow
tensorflow = load_tensorflow(1, lean=True)
names = dict(vars(tensorflow))
import keras
forget_networks()
assert {name: vars(tensorflow)[name] for name in names} == names
keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
"""


def test_networks_are_made_and_forgotten_with_what_is_put_off() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("variables", "settings"),
    [({"KERAS_BACKEND": "torch"}, {}), ({}, {"floatx": "float16"}), ({}, {"nnx_enabled": True})],
)
def test_what_keras_is_set_to_for_others_is_not_looked_at(
    tmp_path: Path, variables: dict[str, str], settings: dict[str, object]
) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    code = (
        "import os; from textclf.tensorflow_runtime import load_tensorflow; load_tensorflow()\n"
        "import keras; print(keras.backend.backend(), keras.config.floatx())\n"
        "print(os.environ.get('KERAS_BACKEND'), os.environ.get('KERAS_HOME'))"
    )
    environment = os.environ | {"HOME": str(tmp_path)} | variables
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    backend = variables.get("KERAS_BACKEND")
    assert result.stdout == f"tensorflow float32\n{backend} None\n", result.stderr
