"""Measures settings in a process of its own, whose end is not that of the search."""

from __future__ import annotations

import base64
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.errors import Interrupted, OutOfMemoryError, TextclfError
from textclf.job import TrainingFiles
from textclf.memory import REMEDY, ended_for_memory, memory_errors, peak_rss_bytes
from textclf.ngrams.vectorizer import Rows
from textclf.progress import silent
from textclf.settings import Settings
from textclf.writing import writing

if TYPE_CHECKING:
    from textclf.cache import ShardCache
    from textclf.classifier import Classifier
    from textclf.ngrams.shards import ShardSet

_POLL = 0.2  # seconds between looks at whether the search is to stop
# What is left in memory by training after training: after so much the process is begun anew.
_MOST_MEMORY = 3 << 29  # bytes


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        files: Training rows, and validation rows if there are some.
        settings: How to train.
        folder: Where to put what is only needed meanwhile.
        cache: Vectorized rows.
        deadline: When the process is ended, as `time.time` counts.
    """

    files: TrainingFiles
    settings: Settings
    folder: Path
    cache: ShardCache | None
    deadline: float


def measure(request: Request) -> dict[str, Any]:
    """Train, and return the figures of the validation rows.

    Args:
        request: What is to be measured.

    Returns:
        `accuracy`, `loss` and `macro_f1`; `rows`, how many they are of; `right`, a bit a row, and
        `order`, which is the same if the rows are in the same order; `epochs`.

    Raises:
        TextclfError: If the data or the settings cannot be trained on.
    """
    from textclf.cache import prepare_cached
    from textclf.calibration import calibrate
    from textclf.classifier import Classifier
    from textclf.layers import dense_layers
    from textclf.preparation import Stopwatch
    from textclf.tensorflow_runtime import preload
    from textclf.training import fit

    settings = request.settings
    preload(settings.training.threads, lean=True)
    with _emptied(request.folder / "trial") as work:
        prepared, _ = prepare_cached(
            request.cache, request.files, settings, work, Stopwatch(), silent
        )
        result = fit(
            prepared.train,
            prepared.validation,
            settings.network,
            settings.training,
            seed=settings.training.seed,
        )
        layers = dense_layers(result.weights)
        classifier = Classifier(prepared.labels.names, prepared.vectorizer, layers)
        _, figures = calibrate(classifier, prepared.validation)
        right, order = _right(classifier, prepared.validation)
    return {
        "accuracy": figures["accuracy"],
        "loss": figures["loss"],
        "macro_f1": figures["macro_f1"],
        "rows": len(right),
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(),
        "order": order,
        "epochs": result.epochs,
    }


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Make a folder that is removed in the end; if that was killed, by the next one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _right(classifier: Classifier, shards: ShardSet) -> tuple[NDArray[np.bool_], int]:
    found, order = [], 0
    for rows, true in Rows.parts(shards, len(classifier.labels)):
        found.append(classifier.logits(rows).argmax(axis=1) == true)
        order = zlib.crc32(true.tobytes(), order)
    return np.concatenate(found), order


def _serve(pipe: Connection, parent: int) -> None:
    from textclf.tensorflow_runtime import forget_networks

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    logging.getLogger("textclf").setLevel(logging.CRITICAL)  # what it warns of, training does
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        while True:
            request: Request = pipe.recv()
            try:
                with writing(request.folder), memory_errors():
                    answer = measure(request)
            except TextclfError as error:
                answer = {"failed": str(error), "exit_code": error.exit_code}
            except (ValueError, RuntimeError) as error:
                answer = {"failed": str(error) or type(error).__name__}
            pipe.send(answer | {"memory": peak_rss_bytes()})
            forget_networks()


def _end_with(parent: int) -> None:
    """End this process when its parent has been killed, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


class Worker:
    """A process that measures, begun when it is needed and begun anew when it has died."""

    def __init__(self) -> None:
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def measure(self, request: Request, should_stop: Callable[[], bool]) -> dict[str, Any]:
        """Return what `measure` returns, `{"failed": why}`, or `{"late": True}`.

        A process that has come to hold 1.5 GiB is ended: TensorFlow keeps some of each network.

        Raises:
            Interrupted: If `should_stop` said so.
        """
        pipe = self._begin()
        try:
            pipe.send(request)
            while not pipe.poll(_POLL):
                if should_stop():
                    self.close()
                    raise Interrupted("the search was stopped", signal.SIGTERM)
                if time.time() > request.deadline:
                    self.close()  # what it would say counts no more
                    return {"late": True}
            answer: dict[str, Any] = pipe.recv()
            if answer.pop("memory") > _MOST_MEMORY:
                self.close()
        except (EOFError, ConnectionResetError, BrokenPipeError):
            return _ended(self._end())
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _begin(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._pipe is not None:
            return self._pipe
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        resource_tracker.ensure_running()  # which would unblock signals
        # Inherited: Ctrl-C while the process begins would end it with a traceback.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._process = process
        theirs.close()
        return self._pipe

    def _end(self) -> int | None:
        assert self._process is not None
        self._process.join()
        code, self._process = self._process.exitcode, None
        if self._pipe is not None:
            self._pipe.close()
        return code


def _ended(code: int | None) -> dict[str, Any]:
    """Say how a process ended that gave no answer."""
    if ended_for_memory(code):
        what = f"memory ran out: the process that trained ended with {code}"
        error: TextclfError = OutOfMemoryError(what, remedy=REMEDY)
    elif code is not None and code < 0:
        error = TextclfError(f"the process that trained was ended by {signal.Signals(-code).name}")
    else:
        error = TextclfError(f"the process that trained ended with {code}")
    return {"failed": str(error), "exit_code": error.exit_code}
