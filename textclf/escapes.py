r"""Characters from data and names of files that cannot be written as they are, written to be seen.

A lone surrogate stands for a byte of a file's name that is not UTF-8, or comes from JSON.
"""

from __future__ import annotations


def encodable(text: str) -> str:
    r"""Return the text with lone surrogates escaped, such as `\udce9`: UTF-8 has none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
