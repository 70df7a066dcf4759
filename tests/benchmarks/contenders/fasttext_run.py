"""fastText: word bigrams, 10 dimensions, 5 epochs, else its defaults; a thread a core.

It gets the rows as its own scripts prepare them (see words.py); ten dimensions are those of its
published results, and ten times as fast as its default of a hundred. Its default learning rate is
0.1; training aborts with "Encountered NaN" at some.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .stages import Stages, answer, main, read, read_lines, scores, write_lines
from .words import words, write_shuffled

_PREFIX = "__label__"


def train(args: argparse.Namespace) -> None:
    """Prepare, train, save, test."""
    import fasttext

    stages = Stages()
    prepared, model_file = args.work / "train.txt", args.work / "model.bin"
    with stages.stage("prepare"):
        write_shuffled(args.train, prepared, lambda label, text: f"{_PREFIX}{label} {text}")
    with stages.stage("train"):
        model = fasttext.train_supervised(
            str(prepared),
            lr=args.lr,
            epoch=5,
            wordNgrams=2,
            dim=10,
            thread=len(os.sched_getaffinity(0)),
            verbose=0,
        )
    with stages.stage("save"):
        model.save_model(str(model_file))
    with stages.stage("evaluate"):
        true, texts = read(args.test)
        figures = scores(true, _predict(model, texts))
    answer(stages, figures, model_file, lr=args.lr, words=len(model.words))


def _predict(model: object, texts: list[str]) -> list[str]:
    found = model.predict([words(text) for text in texts])[0]  # type: ignore[attr-defined]
    return [labels[0].removeprefix(_PREFIX) if labels else "" for labels in found]


def predict(model: Path, texts: Path, output: Path) -> None:
    """Label a text a line."""
    import fasttext

    write_lines(output, _predict(fasttext.load_model(str(model)), read_lines(texts)))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lr", type=float, default=0.1)


if __name__ == "__main__":
    main(train, predict, _options)
