"""numba's `njit`, with the compiled kernels kept in the user's cache folder.

Beside the sources, where numba keeps them by default, they would be left behind in site-packages
when textclf is uninstalled, and could not be kept at all where that is read-only.
"""

from __future__ import annotations

from typing import Any

import numba
import platformdirs
from numba import njit

__all__ = ["njit"]

_config: Any = numba.config
if not _config.CACHE_DIR:  # NUMBA_CACHE_DIR, if it is set
    _config.CACHE_DIR = platformdirs.user_cache_dir("textclf", appauthor=False)
