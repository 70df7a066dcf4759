"""What the contenders' scripts share: reading, timing stages, scoring, the command line."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

csv.field_size_limit(1 << 28)


class Stages:
    """Adds up wall and CPU seconds, all threads and ended children included, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens within as the stage's."""
        wall, cpu = time.perf_counter(), _cpu()
        try:
            yield
        finally:
            sums = self.seconds.setdefault(name, {"wall": 0.0, "cpu": 0.0})
            sums["wall"] += time.perf_counter() - wall
            sums["cpu"] += _cpu() - cpu


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def cells(path: Path) -> Iterator[list[str]]:
    """Yield the cells of a CSV without a header: the label first, then columns of text."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.reader(file)


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of such a CSV, its columns of text joined."""
    for label, *texts in cells(path):
        yield label, " ".join(texts)


def read(path: Path) -> tuple[list[str], list[str]]:
    """Return the labels and the texts of such a CSV."""
    pairs = list(rows(path))
    return [label for label, _ in pairs], [text for _, text in pairs]


def read_lines(path: Path) -> list[str]:
    """Return the texts of a file with one a line."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in file]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write one a line."""
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def scores(true: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Return accuracy and macro F1, the mean over the classes that occur in either."""
    hits, trues, guesses = dict[str, int](), dict[str, int](), dict[str, int]()
    for t, p in zip(true, predicted, strict=True):
        trues[t] = trues.get(t, 0) + 1
        guesses[p] = guesses.get(p, 0) + 1
        if t == p:
            hits[t] = hits.get(t, 0) + 1
    classes = trues.keys() | guesses.keys()
    f1 = [2 * hits.get(c, 0) / (trues.get(c, 0) + guesses.get(c, 0)) for c in classes]
    return {"accuracy": sum(hits.values()) / len(true), "macro_f1": sum(f1) / len(f1)}


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def answer(stages: Stages, figures: dict[str, float], model: Path, **details: Any) -> None:
    """Print the JSON object that the benchmark reads."""
    found: dict[str, Any] = {
        "stages": stages.seconds,
        **figures,
        "model": str(model),
        "model_bytes": size(model),
        "details": details,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def main(
    train: Callable[[argparse.Namespace], None],
    predict: Callable[[Path, Path, Path], None] | None,
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
) -> None:
    """Read the command line of a contender's script and do as it says."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    for name in ("--train", "--test", "--work"):
        training.add_argument(name, type=Path, required=True)
    options(training)
    if predict is not None:
        prediction = commands.add_parser("predict")
        for name in ("--model", "--input", "--output"):
            prediction.add_argument(name, type=Path, required=True)
    args = parser.parse_args()
    if args.command == "train":
        train(args)
    elif predict is not None:
        predict(args.model, args.input, args.output)
