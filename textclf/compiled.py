"""numba's `njit`, with the compiled kernels kept in the user's cache folder.

Beside the sources, where numba keeps them by default, they would be left behind in site-packages
when textclf is uninstalled, and could not be kept at all where that is read-only.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba
import platformdirs
from numba import njit

from textclf.errors import ConfigError
from textclf.lean_imports import hidden

# numba looks whether there is BLAS, and imports 400 modules of scipy for it: a fifth of a second.
# No kernel here needs it; for those of others it looks again.
with hidden(frozenset({"scipy.linalg"}), "numba"):
    from numba.np import arraymath
arraymath._HAVE_BLAS = True

__all__ = ["folder", "njit", "target"]


# Modules with kernels, or constants of theirs, beside those of ngrams/.
_OTHERS = (
    "adagrad.py", "corpus/csv_kernels.py", "corpus/layout.py", "inspection_kernels.py",
    "linear_svm.py", "sparse_batches.py",
)  # fmt: skip


def _folder(base: str) -> str:
    """Return a folder that is named by the contents of the modules that share kernels.

    By itself numba looks only at the file of the kernel that is called, not at those of the
    kernels and constants that have become part of it.
    """
    contents, here = hashlib.sha256(), Path(__file__).parent
    for file in (*sorted((here / "ngrams").glob("*.py")), *(here / name for name in _OTHERS)):
        contents.update(file.read_bytes())
    return str(Path(base) / f"kernels-{contents.hexdigest()[:16]}")


_config: Any = numba.config
if _config.DISABLE_JIT:
    raise ConfigError(
        "compiling is switched off", where="NUMBA_DISABLE_JIT", remedy="unset it: kernels need it"
    )
_config.CACHE_DIR = _folder(  # NUMBA_CACHE_DIR, if it is set
    _config.CACHE_DIR or platformdirs.user_cache_dir("textclf", appauthor=False)
)


def folder() -> Path:
    """Return where compiled kernels are kept."""
    return Path(_config.CACHE_DIR)


def target() -> str:
    """Return what tells one processor, numba and installation from another.

    Kernels are compiled for each: numba keeps them by the path of their source.
    """
    from llvmlite import binding

    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    known = f"{numba.__version__} {processor} {Path(__file__).parent}"
    return hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()[:16]
