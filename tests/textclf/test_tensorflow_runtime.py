"""How TensorFlow is imported; that it is quiet is tested with training."""

from __future__ import annotations

import subprocess
import sys

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
