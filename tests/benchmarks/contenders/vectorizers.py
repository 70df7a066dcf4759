"""Text to numbers, one way a process: the file's name and the way are its arguments.

`textclf` reads the CSV, counts what it counts by default (word 1-3-grams, beginnings and ends of
words), selects the best, and writes tf-idf shards to disk; `textclf-pairs` does so with the words
and n-grams that scikit-learn's vectorizers are told to count, 1-2-grams of words; `textclf-hash`
reads the CSV and cuts and hashes what `textclf` does, on one core. scikit-learn's vectorizers are
given the CSV too. Imports and the compilation of kernels are not counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from .stages import read

WAYS = (
    "textclf", "textclf-pairs", "textclf-hash", "sklearn-hashing", "sklearn-count", "sklearn-tfidf",
)  # fmt: skip
_PAIRS = (
    "ngrams.tokens=words", "ngrams.max_n=2", "ngrams.affixes=false", "ngrams.subwords=0",
    "ngrams.boundaries=false", "ngrams.gaps=false", "ngrams.as_written=false",
    "ngrams.log_count_ratio=false",
)  # fmt: skip


def _textclf(file: Path, overrides: Sequence[str] = ()) -> None:
    from textclf.corpus.reader import CorpusFormat
    from textclf.job import TrainingFiles
    from textclf.preparation import Stopwatch, prepare
    from textclf.progress import silent
    from textclf.settings import resolve

    with tempfile.TemporaryDirectory() as work:
        files = TrainingFiles((str(file),), format=CorpusFormat(header=False))
        prepare(files, resolve(overrides=overrides), Path(work), Stopwatch(), silent)


def _hash(file: Path) -> None:
    from textclf.corpus.reader import Corpus, CorpusFormat
    from textclf.ngrams.vectorizer import Hasher
    from textclf.settings import NgramSettings

    hasher = Hasher(NgramSettings(max_n=3))
    for block in Corpus((str(file),), CorpusFormat(header=False)).blocks():
        hasher(block)


def _sklearn(name: str) -> Callable[[Path], None]:
    from sklearn.feature_extraction import text

    def vectorize(file: Path) -> None:
        getattr(text, name)(ngram_range=(1, 2)).fit_transform(read(file)[1])

    return vectorize


def main(way: str, file: Path) -> None:
    """Go over a few rows for warming up, then over the file, and print the seconds."""
    names = {"hashing": "HashingVectorizer", "count": "CountVectorizer", "tfidf": "TfidfVectorizer"}
    kind = way.partition("-")[2]
    own = {"textclf": _textclf, "textclf-pairs": partial(_textclf, overrides=_PAIRS)}
    run = (own | {"textclf-hash": _hash}).get(way) or _sklearn(names[kind])
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as few:
        few.write("".join(f'"{i % 2}","some words, a few of {i % 50}"\n' for i in range(2000)))
        few.flush()
        run(Path(few.name))
    wall, cpu = time.perf_counter(), time.process_time()
    run(file)
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
