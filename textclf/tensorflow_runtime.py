"""TensorFlow, imported late, quietly and, where there is time, ahead of its use."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakMethod, WeakSet, finalize

from textclf.errors import UsageError
from textclf.lean_imports import hidden, postponed

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Without oneDNN, sums have one order; and it announces itself before logging can be silenced.
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
# Keras imports these if it finds them, for wrappers, adapters and formats that textclf does not
# use: 3 of 10 s of processor time and 130 of 650 MB. The last warns where PySocks is missing:
# requests, which TensorFlow imports, filters that out, and a thread that leaves
# warnings.catch_warnings meanwhile takes the filter away.
_OPTIONAL = frozenset({"sklearn", "pandas", "h5py", "PIL", "urllib3.contrib.socks"})
# TensorFlow and Keras import these, which textclf does not use: a tenth of the time, and 40 MB.
_API = "tensorflow._api.v2."
_UNUSED = frozenset(
    {
        f"{_API}__internal__.feature_column",
        f"{_API}compat",
        f"{_API}debugging.experimental",
        f"{_API}distribute.experimental",
        f"{_API}experimental.dtensor",
        f"{_API}feature_column",
        f"{_API}lite",
        f"{_API}mlir",
        f"{_API}profiler",
        f"{_API}quantization",
        f"{_API}summary",
        f"{_API}tpu",
        "keras.applications",
        "keras.datasets",
        "keras.export",
    }
)
# What the user has set for other programs: another backend, another type of floats in keras.json.
_KERAS = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull, "KERAS_NNX_ENABLED": "0"}
_importing = threading.Lock()
_TURN = 2e-4  # seconds
_trains = 0  # the process that trains, by its number


def load_tensorflow(threads: int = 0, *, lean: bool = False) -> Any:
    """Import TensorFlow without its chatter and return the module.

    Args:
        threads: Threads that TensorFlow computes with; 0 leaves that as it is. They cannot be
            changed once TensorFlow has computed something.
        lean: Keep Keras from importing what is optional to it, should this import it first, and put
            off what textclf does not use until something else does. In this process Keras then has
            no scikit-learn wrappers, takes no DataFrames, and loads no images and no old HDF5
            files; and requests, if this imports it first, goes through no SOCKS proxy.
    """
    with _importing:
        if "tensorflow" not in sys.modules:
            for name, value in _ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            without = hidden(_OPTIONAL if lean else frozenset(), "Keras")
            later = postponed(_UNUSED if lean else frozenset())
            with _chatter_held(), _uncollected(), _giving_way(), _plain_keras(), without, later:
                import tensorflow
        else:
            import tensorflow
    tensorflow.get_logger().setLevel(logging.ERROR)
    if threads > 0:
        _limit_threads(tensorflow, threads)
    return tensorflow


def check_fork() -> None:
    """Note that this process trains; see that none that it was forked from did.

    TensorFlow would wait for ever for its threads, which are not forked.

    Raises:
        UsageError: If one did.
    """
    global _trains
    if _trains not in (0, os.getpid()):
        raise UsageError(
            "another process has trained, and this one was forked from it",
            remedy="begin processes by multiprocessing's spawn, or by joblib",
        )
    _trains = os.getpid()


@contextmanager
def _plain_keras() -> Iterator[None]:
    """Have Keras imported as it comes, without a look at the user's settings of it."""
    before = {name: os.environ.get(name) for name in _KERAS}
    os.environ.update(_KERAS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def has_gpu() -> bool:
    """Return whether TensorFlow would compute on a GPU."""
    tensorflow = load_tensorflow()
    with _chatter_held():  # of drivers that are not there
        return bool(tensorflow.config.list_physical_devices("GPU"))


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a method, for `tf.numpy_function`.

    TensorFlow keeps such functions for good; this one does not keep the method's object.
    """
    kept = WeakMethod(method)

    def call(*given: Any) -> Any:
        if (found := kept()) is None:
            raise ReferenceError("called after its object is gone")
        return found(*given)

    return call


class CustomGradients:
    """What TensorFlow knows of the custom gradients of a layer, and forgets with it.

    It registers each for good, and with it the graph that it is a part of: 8 MB a training.

    Args:
        layer: Once it is gone, so are they, and those that Keras' optimizers added to its graphs.
    """

    def __init__(self, layer: Any) -> None:
        self._graphs: WeakSet[Any] = WeakSet()
        finalize(layer, _forget_gradients, self._graphs)

    def note(self, result: Any) -> Any:
        """Note the graph of what `tf.custom_gradient` returned, and give that back."""
        with suppress(AttributeError):  # computed at once: it has none
            self._graphs.add(result.graph)
        return result


def _forget_gradients(graphs: WeakSet[Any]) -> None:
    from tensorflow.python.framework import ops

    for operation in [op for graph in graphs for op in graph.get_operations()]:
        with suppress(AttributeError, ValueError):  # not TensorFlow's interface; no such gradient
            name = operation.get_attr("_gradient_op_type").decode()
            ops.gradient_registry._registry.pop(name, None)


def forget_networks() -> None:
    """Let go of the networks that were made, as a process that trains one after another must."""
    # Once a thread that imports it is done: begun here as well, both would see the half of it.
    load_tensorflow(lean=True)
    import keras

    with _chatter_held():  # of modules that were put off
        keras.backend.clear_session()
    gc.collect()


def preload(threads: int = 0, *, lean: bool = False) -> threading.Thread:
    """Import TensorFlow on a thread, which is returned; `load_tensorflow` waits for it.

    Kernels that release the GIL go on meanwhile. An import that fails does so again, where
    TensorFlow is used.

    Args:
        threads: As for `load_tensorflow`.
        lean: As for `load_tensorflow`.
    """
    # Now: when numba imports it, TensorFlow may be adding to the dictionary that it goes over.
    import numpy.ma  # noqa: F401

    def work() -> None:
        try:
            load_tensorflow(threads, lean=lean)
        except (ImportError, MemoryError) as error:
            log.debug("not imported ahead: %s", error)

    thread = threading.Thread(target=work, name="textclf-tensorflow", daemon=True)
    thread.start()
    return thread


def _limit_threads(tensorflow: Any, threads: int) -> None:
    threading_config = tensorflow.config.threading
    wanted = (threads, threads)
    current = (
        threading_config.get_intra_op_parallelism_threads(),
        threading_config.get_inter_op_parallelism_threads(),
    )
    if current == wanted:
        return
    try:
        threading_config.set_intra_op_parallelism_threads(threads)
        threading_config.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        log.warning("TensorFlow is running already: its threads stay as they are")


@contextmanager
def _chatter_held() -> Iterator[None]:
    """Drop what C++ writes to descriptor 2: it talks before it can be told not to.

    What Python writes to sys.stderr meanwhile, on other threads, goes where it should.
    """
    python = sys.stderr
    try:
        if python is None or python.fileno() != 2:
            raise OSError
        kept = os.dup(2)
    except OSError:  # closed, or captured: descriptor 2 is not ours
        yield
        return
    # Closed when nobody has it any more: a handler that was made meanwhile may.
    sys.stderr = open(kept, "w", 1, python.encoding, "backslashreplace", closefd=False)  # noqa: SIM115
    finalize(sys.stderr, os.close, kept)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        sys.stderr = python


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector off the objects of an import, of which none is garbage.

    It took a quarter of the time that TensorFlow takes to be imported.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let threads that wait for the interpreter have it sooner than after five milliseconds.

    Those that vectorize meanwhile need it between their kernels, for an instant.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
