"""The programs that are compared: how each is run, and what it is given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# fastText's learning rates that are tried; 0.1 is its default.
LEARNING_RATES = (0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Contender:
    """One of the programs.

    Attributes:
        name: What it is called on the command line and in JSON.
        title: What it is called in tables.
        module: The script in this folder.
        options: What the script is told when it trains.
        predict: (model, texts, labels) to the command that labels a text a line; None: the script.
    """

    name: str
    title: str
    module: str
    options: tuple[str, ...] = ()
    predict: Callable[[Path, Path, Path], list[str]] | None = None

    def training(self, train: Path, test: Path, work: Path) -> list[str]:
        """Return the command that trains on a file, tests on another, and prints JSON."""
        files = ["--train", str(train), "--test", str(test), "--work", str(work)]
        return [*self._script(), "train", *files, *self.options]

    def prediction(self, model: Path, texts: Path, labels: Path) -> list[str]:
        """Return the command that writes a label for each line of a file."""
        if self.predict is not None:
            return self.predict(model, texts, labels)
        files = ["--model", str(model), "--input", str(texts), "--output", str(labels)]
        return [*self._script(), "predict", *files]

    def _script(self) -> list[str]:
        return [sys.executable, "-m", f"tests.benchmarks.contenders.{self.module}"]


def _textclf_predict(model: Path, texts: Path, labels: Path) -> list[str]:
    command = [sys.executable, "-m", "textclf", "predict", str(model), str(texts)]
    return [*command, "-o", str(labels), "--output-format", "tsv", "--quiet"]


def fasttext_name(rate: float) -> str:
    """Return the name of fastText with a learning rate."""
    return f"fasttext-{rate:g}"


_ALL = (
    Contender("textclf", "textclf", "textclf_runs", predict=_textclf_predict),
    Contender(
        "textclf-guide",
        "textclf --preset guide",
        "textclf_runs",
        ("--preset", "guide"),
        _textclf_predict,
    ),
    *(
        Contender(
            fasttext_name(rate), f"fastText, lr {rate:g}", "fasttext_run", ("--lr", f"{rate:g}")
        )
        for rate in LEARNING_RATES
    ),
    Contender("vw", "Vowpal Wabbit", "vw_run"),
    Contender("svc", "LinearSVC", "sklearn_svc"),
    Contender("svc-sublinear", "LinearSVC, sublinear tf", "sklearn_svc", ("--sublinear",)),
    Contender(
        "svc-punctuation",
        "LinearSVC, sublinear tf, punctuation",
        "sklearn_svc",
        ("--sublinear", "--punctuation"),
    ),
    Contender("guide", "the guide's recipe", "guide"),
)
CONTENDERS = {contender.name: contender for contender in _ALL}
FASTTEXT = tuple(fasttext_name(rate) for rate in LEARNING_RATES)
GROUPS = {"fasttext": FASTTEXT, "textclf-both": ("textclf", "textclf-guide")}
DEFAULT = tuple(name for name in CONTENDERS if name != "svc-punctuation")


def select(names: str) -> list[Contender]:
    """Return the contenders of a comma-separated list; `fasttext` stands for all its rates.

    Raises:
        ValueError: If there is none of a name.
    """
    chosen: dict[str, Contender] = {}
    for name in filter(None, (part.strip() for part in names.split(","))):
        for each in GROUPS.get(name, (name,)):
            if each not in CONTENDERS:
                raise ValueError(f"no contender {each}; there are {', '.join(CONTENDERS)}")
            chosen[each] = CONTENDERS[each]
    return list(chosen.values())
