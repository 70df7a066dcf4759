"""Vowpal Wabbit: one against all, word bigrams, logistic loss, 5 passes, 2**24 weights.

It gets the same words in the same order as fastText does (see words.py). All rows are trained on
(`--holdout_off`). The wheel has no `vw` program: its library runs the same command line. It uses
one thread to parse and one to learn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from .stages import Stages, answer, main, read, read_lines, rows, scores, write_lines
from .words import write_in_order, write_shuffled

PASSES, BITS = 5, 24


def _features(text: str) -> str:
    return "| " + text.replace("|", " ").replace(":", " ")


def _vw(arguments: list[str]) -> None:
    import vowpalwabbit

    vowpalwabbit.Workspace(arg_list=[*arguments, "--quiet"]).finish()


def train(args: argparse.Namespace) -> None:
    """Prepare, train, save, test."""
    stages = Stages()
    prepared, cache = args.work / "train.vw", args.work / "train.cache"
    model = args.work / "model"
    model.mkdir()
    with stages.stage("prepare"):
        labels = sorted({label for label, _ in rows(args.train)})
        numbers = {label: i + 1 for i, label in enumerate(labels)}
        write_shuffled(
            args.train, prepared, lambda label, text: f"{numbers[label]} {_features(text)}"
        )
    with stages.stage("train"):
        _vw(
            [
                "--oaa", str(len(labels)), "--ngram", "2", "-b", str(BITS),
                "--loss_function", "logistic", "--passes", str(PASSES), "--holdout_off",
                "--cache_file", str(cache), "-k",
                "-d", str(prepared), "-f", str(model / "vw"),
            ]
        )  # fmt: skip
        (model / "labels.json").write_text(json.dumps(labels), "utf-8")
    with stages.stage("evaluate"):
        true, texts = read(args.test)
        figures = scores(true, _predict(model, texts, args.work))
    answer(stages, figures, model, passes=PASSES, bits=BITS)


def _predict(model: Path, texts: list[str], work: Path) -> list[str]:
    labels = json.loads((model / "labels.json").read_text("utf-8"))
    data, found = work / "texts.vw", work / "found"
    write_in_order((("", text) for text in texts), data, lambda _, text: _features(text))
    _vw(["-t", "-i", str(model / "vw"), "-d", str(data), "-p", str(found)])
    return [labels[int(float(line)) - 1] for line in found.read_text().split()]


def predict(model: Path, texts: Path, output: Path) -> None:
    """Label a text a line."""
    with tempfile.TemporaryDirectory(dir=output.parent) as work:
        write_lines(output, _predict(model, read_lines(texts), Path(work)))


if __name__ == "__main__":
    main(train, predict)
