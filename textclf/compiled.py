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

__all__ = ["njit"]


def _folder(base: str) -> str:
    """Return a folder that is named by the contents of the modules that share kernels.

    By itself numba looks only at the file of the kernel that is called, not at those of the
    kernels and constants that have become part of it.
    """
    contents = hashlib.sha256()
    for file in sorted((Path(__file__).parent / "ngrams").glob("*.py")):
        contents.update(file.read_bytes())
    return str(Path(base) / f"kernels-{contents.hexdigest()[:16]}")


_config: Any = numba.config
_config.CACHE_DIR = _folder(  # NUMBA_CACHE_DIR, if it is set
    _config.CACHE_DIR or platformdirs.user_cache_dir("textclf", appauthor=False)
)
