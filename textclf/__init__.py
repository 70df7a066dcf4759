"""Train text classifiers on corpora that may be far larger than memory."""

__version__ = "0.1.0"
