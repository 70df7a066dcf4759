from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from textclf.corpus import formats
from textclf.corpus.layout import COLUMN_BREAK
from textclf.corpus.reader import Corpus, CorpusFormat

# The first example compiles a kernel.
settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")


@pytest.fixture(params=["python", "kernels"])
def csv_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read CSV by the csv module, then by the kernels."""
    path: str = request.param
    monkeypatch.setattr(formats, "worth_python", lambda stream: path == "python")
    return path


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write bytes or text to a file and return its path."""

    def written(content: bytes | str, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return written


Rows = list[tuple[str | None, str]]
Read = Callable[..., Rows]


@pytest.fixture
def read() -> Read:
    """Read files and return (label, text) of each row, a space between several columns' texts."""

    def rows(
        files: Path | str | Sequence[Path | str], fmt: CorpusFormat | None = None, **options: Any
    ) -> Rows:
        listed = [files] if isinstance(files, (Path, str)) else files
        corpus = Corpus(listed, fmt, **options)
        return [(label, text.replace(COLUMN_BREAK, " ")) for label, text in rows_of(corpus)]

    return rows


def rows_of(corpus: Corpus) -> Rows:
    found: Rows = []
    for block in corpus.blocks():
        if block.labels is None:
            found += [(None, text) for text in block.texts()]
        else:
            names = [corpus.labels.names[code] for code in block.labels]
            found += list(zip(names, block.texts(), strict=True))
    return found
