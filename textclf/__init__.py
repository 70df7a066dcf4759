"""Train text classifiers on corpora that may be far larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textclf.api import TextClassifier

__all__ = ["TextClassifier", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import TextClassifier when it is asked for: it needs scikit-learn, the command does not."""
    if name == "TextClassifier":
        from textclf.api import TextClassifier

        return TextClassifier
    raise AttributeError(f"module 'textclf' has no attribute {name!r}")
