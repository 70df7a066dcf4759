"""textclf, as its command runs: `textclf train --train-file ... --test-file ...`.

It gets the CSV as it is, and its cache is empty. A twentieth of the training rows (its default) is
held out for early stopping and calibration; the others train on all rows. Threads: as many as there
are cores.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

from .stages import Stages, answer, main


def train(args: argparse.Namespace) -> None:
    """Run the command in this process, so that CPU time can be told by stage."""
    from textclf import preparation
    from textclf.cli.main import main as textclf

    os.environ["TEXTCLF_CACHE_DIR"] = str(args.work / "cache")  # each round vectorizes anew
    stages = Stages()
    original = preparation.Stopwatch.stage

    @contextlib.contextmanager
    def stage(watch: preparation.Stopwatch, name: str) -> Iterator[None]:
        with stages.stage(name), original(watch, name):
            yield

    setattr(preparation.Stopwatch, "stage", stage)  # noqa: B010
    command = [
        "train", "--train-file", str(args.train), "--test-file", str(args.test), "--no-header",
        "--name", "benchmark", "--models-dir", str(args.work), "--json", "--quiet",
        *(["--preset", args.preset] if args.preset else []),
    ]  # fmt: skip
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        textclf(command)
    metrics = json.loads(printed.getvalue())
    run: Path = (args.work / "benchmark" / "current").resolve()
    answer(
        stages,
        {name: metrics["test"][name] for name in ("accuracy", "macro_f1")},
        run / "model",
        features=metrics["features"],
        epochs=metrics["epochs"],
        best_epoch=metrics["best_epoch"],
        batch_size=metrics["batch_size"],
        train_rows=metrics["samples"]["train"],
        textclf=metrics["textclf"],
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset")


if __name__ == "__main__":
    from textclf.cli.main import leave

    main(train, None, _options)
    leave(0)  # as the command does
