"""`textclf` with a stand-in for the network: learns in a blink, without TensorFlow.

All else is real: reading, shards, checkpoint folder, lock, publishing. What happens to it, says the
environment: QUICK_STEP is the seconds that each of its 20 steps takes, QUICK_BAD a sign that it is
to learn nothing, QUICK_EAT the MiB that it asks for, QUICK_HANG a sign that it is to wait for ever
in the C library, QUICK_ROOM the MiB of address space that are left when counting begins.
QUICK_FILL=STAGE:FILE has a file fill the disk before `reading` or `publishing`. QUICK_KILL=FOLDER:N
kills it before the N-th change of files in the folder; with N=0, FOLDER.changes tells how many.
"""

import atexit
import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

import textclf.tensorflow_runtime
import textclf.training
from textclf.progress import Progress

STEPS = 20


def fit(
    train,
    validation,
    network,
    training,
    *,
    seed,
    report,
    checkpoint_dir,
    should_stop,
    on_epoch,
    initial=None,
    all_rows=(),
):
    suffer()
    checkpoint_dir.mkdir(exist_ok=True)
    noted = checkpoint_dir / "step"
    began = int(noted.read_text()) if noted.exists() else 0
    ended = "epochs"
    deadline = time.monotonic() + (training.time_limit or 1e9)
    for step in range(began + 1, STEPS + 1):
        time.sleep(float(os.environ.get("QUICK_STEP", 0)))
        fresh = noted.with_suffix(".new")
        fresh.write_text(str(step))
        fresh.replace(noted)
        report(Progress("train", step, STEPS))
        if should_stop() or time.monotonic() > deadline:
            ended = "asked" if should_stop() else "time"
            break
    kernel = np.zeros((train.n_features, train.n_classes), np.float32)
    if not os.environ.get("QUICK_BAD"):
        for shard in train:
            for c in range(train.n_classes):
                rows = shard.x[np.flatnonzero(shard.y == c)]
                if rows.shape[0]:
                    kernel[:, c] += np.asarray(rows.mean(axis=0)).ravel()
        kernel = np.log(kernel + 1e-4)
        kernel -= kernel.mean(axis=1, keepdims=True)
    weights = [("dense_0.kernel", kernel), ("dense_0.bias", np.zeros(train.n_classes, np.float32))]
    history = [{"epoch": 1, "began_at_step": began, "loss": 0.5}]
    on_epoch(history[0])
    fill("publishing")
    return textclf.training.FitResult(weights, history, 1, 1, ended)


def suffer():
    if wanted := os.environ.get("QUICK_EAT"):
        np.ones(int(wanted) << 20, np.uint8)
    if os.environ.get("QUICK_HANG"):
        mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_lock(mutex)


def limit(*_, **__):
    """Have the system refuse more memory or files, once all libraries are there."""
    fill("reading")
    if room := os.environ.get("QUICK_ROOM"):
        import scipy.linalg  # noqa: F401 - as `check_address_space` does

        import textclf.ngrams.matrix  # noqa: F401

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (int(room) << 20),) * 2)


def fill(stage):
    """Write a file until the disk is full, if this is the stage."""
    wanted, _, path = os.environ.get("QUICK_FILL", "").partition(":")
    if wanted != stage:
        return
    with Path(path).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))


# What is written, of the arguments of each event of Python's own.
CHANGES = {
    "os.rename": 0, "os.remove": 0, "os.rmdir": 0, "os.mkdir": 0, "os.symlink": 1, "os.chmod": 0,
}  # fmt: skip


def kill_at(folder, number):
    """Kill this process before the number-th change of files in a folder."""
    changes = 0

    def hook(event, arguments):
        nonlocal changes
        if event == "open":
            path, flags = arguments[0], arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in CHANGES:
            path = arguments[CHANGES[event]]
        else:
            return
        # `rmtree` names files as seen from their folder.
        if not isinstance(path, (str, os.PathLike)) or not (
            os.fspath(path).startswith(folder + "/") or arguments[-1] not in (-1, None)
        ):
            return
        changes += 1
        if changes == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    if not number:
        atexit.register(lambda: Path(folder + ".changes").write_text(str(changes)))


def install(replace=setattr):
    """Put the stand-in in place."""
    replace(textclf.training, "fit", fit)
    replace(textclf.tensorflow_runtime, "preload", limit)


if __name__ == "__main__":
    from textclf.cli.main import main
    from textclf.cli.streams import open_closed

    open_closed()  # as `run` does
    install()
    if plan := os.environ.get("QUICK_KILL"):
        place, _, number = plan.rpartition(":")
        kill_at(place, int(number))
    main(sys.argv[1:])
