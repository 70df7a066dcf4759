"""Where compiled kernels are kept."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from textclf.compiled import _OTHERS

ROOT = Path(__file__).parents[2]
SAY = "import numba, textclf.compiled; print(numba.config.CACHE_DIR)"


@pytest.mark.parametrize("module", ["ngrams/cutting.py", "linear_svm.py"])
def test_a_change_of_a_module_with_kernels_is_not_overlooked(tmp_path, module):
    shutil.copytree(ROOT / "textclf", tmp_path / "textclf")

    def folder():
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True}
        return subprocess.run([sys.executable, "-c", SAY], **options).stdout

    before = folder()
    assert folder() == before
    changed = tmp_path / "textclf" / module
    changed.write_text(changed.read_text() + "# changed\n")
    assert folder() != before


def test_no_module_with_kernels_is_forgotten():
    package = ROOT / "textclf"
    found = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if "from textclf.compiled import njit" in file.read_text("utf-8")
    }
    assert {name for name in found if not name.startswith("ngrams/")} <= set(_OTHERS)


# A kernel of somebody else that needs BLAS, in a process that has imported ours.
PRODUCT = """
import sys
import textclf.compiled
assert "scipy.linalg" not in sys.modules
import numba, numpy as np
print(numba.njit(lambda a: np.cov(np.dot(a, a))[0, 0])(np.eye(2)))
"""


def test_scipy_is_not_imported_for_kernels_but_others_may_use_it():
    done = subprocess.run(
        [sys.executable, "-c", PRODUCT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0.5\n"), done.stderr
