"""`textclf` with a stand-in for the network: learns in a blink, without TensorFlow.

All else is real: reading, shards, checkpoint folder, lock, publishing. QUICK_STEP is the seconds
that each of its 20 steps takes, QUICK_BAD a sign that it is to learn nothing.
"""

import os
import sys
import time

import numpy as np

import textclf.tensorflow_runtime
import textclf.training
from textclf.progress import Progress

STEPS = 20


def fit(
    train, validation, network, training, *, seed, report, checkpoint_dir, should_stop, on_epoch
):
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
                kernel[:, c] += np.asarray(rows.mean(axis=0)).ravel()
        kernel = np.log(kernel + 1e-4)
        kernel -= kernel.mean(axis=1, keepdims=True)
    weights = [("dense_0.kernel", kernel), ("dense_0.bias", np.zeros(train.n_classes, np.float32))]
    history = [{"epoch": 1, "began_at_step": began, "loss": 0.5}]
    on_epoch(history[0])
    return textclf.training.FitResult(weights, history, 1, 1, ended)


def install(replace=setattr):
    """Put the stand-in in place."""
    replace(textclf.training, "fit", fit)
    replace(textclf.tensorflow_runtime, "preload", lambda *_, **__: None)


if __name__ == "__main__":
    from textclf.cli.main import main

    install()
    main(sys.argv[1:])
