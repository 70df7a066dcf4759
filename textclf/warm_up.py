"""Compiles the kernels of reading, vectorizing and training, the first time, on two cores.

numba holds the interpreter while it compiles, as TensorFlow does while it is imported; and one
kernel is compiled at a time. So it is done by two processes, which take about as long and leave
kernels in the cache folder: `python -m textclf.warm_up PART`.
"""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textclf.progress import Progress, Report, silent
from textclf.settings import NgramSettings

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock

log = logging.getLogger(__name__)

_POLL = 0.05  # seconds
# Without -P, a module of the working directory would be taken for one of ours.
_COMMAND = (sys.executable, "-P", "-m", "textclf.warm_up")
_ROWS, _SETTINGS = 400, NgramSettings(max_n=3)  # any would do: they are no constants of kernels


def is_due() -> bool:
    """Return whether these kernels are yet to be compiled, and processes could leave them here."""
    done = _done()
    if done.exists() or not sys.executable:
        return False
    try:
        done.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(done.parent, os.W_OK)


def _done() -> Path:
    from textclf.compiled import folder, target

    return folder() / f"complete-{target()}"


def warm_up(report: Report = silent) -> None:
    """Have these kernels compiled, if that is due; what fails is compiled when it is used.

    Args:
        report: Told all the time; what it raises ends the processes.
    """
    if not is_due():
        return
    null, steps = subprocess.DEVNULL, sum(map(len, PARTS.values()))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with tempfile.TemporaryFile() as done:  # a byte a step
            for part in PARTS:
                processes.append(
                    subprocess.Popen([*_COMMAND, part], stdin=null, stdout=done, stderr=null)
                )
            left = True
            while left:
                left = any(process.poll() is None for process in processes)
                report(Progress("compile", os.fstat(done.fileno()).st_size, steps))
                time.sleep(_POLL if left else 0)
        if not any(process.returncode for process in processes):
            _done().touch()
    except OSError as error:
        log.debug("kernels were not compiled ahead (%s); they are when they are used", error)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _block() -> TextBlock:
    """Return texts of enough different words to make tables grow."""
    from textclf.corpus.block import TextBlock

    random = np.random.default_rng(1)
    words = (random.integers(0, 999, 9).tolist() for _ in range(_ROWS))
    return TextBlock.from_texts([f"Größe {' '.join(f'word{i}' for i in row)}." for row in words])


def _hashed(block: TextBlock) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return what the kernels would, by plain Python: (hashes, ends)."""
    from textclf.ngrams import reference

    rows = [[h for _, h in reference.ngrams(text, _SETTINGS)] for text in block.texts()]
    hashes = np.array([h for row in rows for h in row], np.uint64)
    return hashes, np.cumsum([0, *map(len, rows)]).astype(np.int64)


def _cut() -> None:
    """Compile what cuts texts, and hashes n-grams or finds their texts."""
    from textclf.ngrams.split import Split
    from textclf.ngrams.vectorizer import Hasher

    block, first = _block(), np.zeros(1, np.int64)
    hasher = Hasher(_SETTINGS)
    hasher(block)
    hasher.texts(block, first, first)
    Split(0.1, 1).training(block)


def _count() -> None:
    """Compile what reads files, and counts."""
    from textclf.corpus.reader import Corpus, CorpusFormat
    from textclf.ngrams.counting import DocumentFrequencies, by_table
    from textclf.ngrams.scratch import Scratch

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text('a,"some text"\nb,"another"\n', "utf-8")
        for _ in Corpus((file,), CorpusFormat(header=False)).blocks():
            pass
    kept, labels, hashed = np.ones(_ROWS, np.bool_), np.zeros(_ROWS, np.int32), _hashed(_block())
    for memory in (1 << 30, 1):  # room for all n-grams, and not for the rarest
        frequencies = DocumentFrequencies(2, memory)
        frequencies.add(by_table(*hashed, kept, Scratch()), labels)
    frequencies.result()


def _vectorize() -> None:
    """Compile what turns hashes into rows, and writes shards."""
    from textclf.ngrams.shards import ShardWriter
    from textclf.ngrams.vectorizer import CompiledVectorizer, Vocabulary

    hashes, ends = _hashed(_block())
    known = np.unique(hashes)
    columns, idf = np.arange(len(known), dtype=np.int32), np.ones(len(known), np.float32)
    vectorizer = CompiledVectorizer(_SETTINGS, Vocabulary(known, columns, idf))
    matrix, _ = vectorizer.weigh(hashes, ends, np.zeros(len(known), np.bool_))
    with tempfile.TemporaryDirectory() as folder:
        writer = ShardWriter(Path(folder), len(known), 1, 1, 1)
        writer.append(*matrix, np.zeros(_ROWS, np.int32))


def _train() -> None:
    """Compile what makes batches of rows, and trains on them."""
    from scipy.sparse import csr_matrix

    from textclf.adagrad import AdagradKernel
    from textclf.linear_svm import train_linear_svm
    from textclf.ngrams.shards import ShardWriter
    from textclf.sparse_batches import SparseEncoder

    one_each = csr_matrix(np.eye(_ROWS, dtype=np.float32))
    batch = SparseEncoder(_ROWS)(one_each)
    kernel = AdagradKernel(_ROWS, 1, 1)
    kernel.learn(batch, kernel.multiply(batch), 0.0)
    with tempfile.TemporaryDirectory() as folder:  # mapped, as those to come
        writer = ShardWriter(Path(folder), _ROWS, 2, 1, 1)
        indptr = one_each.indptr.astype(np.int64)
        writer.append(indptr, one_each.indices, one_each.data, np.zeros(_ROWS, np.int32))
        train_linear_svm(writer.close(), 2, seed=1, passes=1)


PARTS = {"cut": (_cut,), "others": (_count, _vectorize, _train)}

if __name__ == "__main__":
    gc.disable()  # a sixth of the time
    for compile_step in PARTS[sys.argv[1]]:
        compile_step()
        os.write(1, b".")
