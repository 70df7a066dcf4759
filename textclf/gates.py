"""Quality gates: whether a model is good enough to be published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.corpus.labels import LabelMap
from textclf.corpus.pairing import paired
from textclf.corpus.reader import BadRows, Corpus
from textclf.job import TrainingFiles
from textclf.metrics import Evaluation


@dataclass(frozen=True)
class Gates:
    """What a model must reach; None asks for nothing.

    Attributes:
        min_accuracy: Least accuracy.
        min_macro_f1: Least macro F1.
        max_drop: Most that accuracy may lie below the published model's on the same rows.
    """

    min_accuracy: float | None = None
    min_macro_f1: float | None = None
    max_drop: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gates say.

    Attributes:
        gates: What was asked for.
        rows: `test` or `validation`: the rows that were judged by.
        reasons: Why the model is not published; none if it passed.
        published: Figures of the published model on the same rows, if it was compared with.
    """

    gates: Gates
    rows: str
    reasons: tuple[str, ...] = ()
    published: dict[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """Whether the model may be published."""
        return not self.reasons

    def as_table(self) -> dict[str, Any]:
        """Return what metrics.json says of it."""
        asked = {name: v for name, v in dataclasses.asdict(self.gates).items() if v is not None}
        compared = {"published": self.published} if self.published else {}
        said = {"passed": self.passed, "reasons": list(self.reasons), "rows": self.rows}
        return said | asked | compared


def judge(
    gates: Gates,
    rows: str,
    figures: dict[str, float],
    published: dict[str, Any] | None = None,
    lost: Sequence[str] = (),
) -> Verdict:
    """Compare figures with the gates.

    Args:
        gates: What is asked for.
        rows: `test` or `validation`.
        figures: `accuracy` and `macro_f1` of the model.
        published: The same of the published model on the same rows.
        lost: Labels of the published model that the new one does not know. The rows may have none
            of them, so that accuracy tells nothing of it: with `max_drop`, there may be none.
    """
    reasons = []
    for name, least in (("accuracy", gates.min_accuracy), ("macro_f1", gates.min_macro_f1)):
        # Negated, so that a figure that is not a number does not pass.
        if least is not None and not figures[name] >= least:
            said = name.replace("_", " ").replace("f1", "F1")
            reasons.append(f"{rows} {said} {figures[name]:.4f} is below {least:g}")
    if gates.max_drop is not None and published is not None:
        drop = published["accuracy"] - figures["accuracy"]
        if not drop <= gates.max_drop + 1e-12:  # 0.9 - 0.895 is a little more than 0.005
            reasons.append(
                f"{rows} accuracy {figures['accuracy']:.4f} is {drop:.4f} below the published "
                f"model's {published['accuracy']:.4f}, more than {gates.max_drop:g}"
            )
    if gates.max_drop is not None and lost:
        reasons.append(f"no row is labelled {some(lost)}, which the published model knows")
    return Verdict(gates, rows, tuple(reasons), published)


def some(labels: Sequence[str]) -> str:
    """Return labels as a message shows them."""
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return ", ".join(map(repr, labels[:3])) + more


def figures_of(
    classifier: Classifier, blocks: Iterable[TextBlock], labels: list[str]
) -> dict[str, float]:
    """Return accuracy and macro F1 of a model on rows whose labels it may not all know.

    Args:
        classifier: The model.
        blocks: Labelled rows.
        labels: What the rows' codes stand for.
    """
    names = labels + [name for name in classifier.labels if name not in set(labels)]
    place = np.array([names.index(name) for name in classifier.labels])
    evaluation = Evaluation(names)
    for block, probabilities in classifier.predict_blocks(blocks):
        assert block.labels is not None
        spread = np.zeros((len(block), len(names)), dtype=np.float32)
        spread[:, place] = probabilities
        evaluation.add(block.labels, spread)
    return {"accuracy": evaluation.accuracy, "macro_f1": evaluation.macro_f1}


def published_figures(
    run: Path, files: TrainingFiles, labels: list[str], share: float, seed: int
) -> dict[str, float]:
    """Return a published model's figures on the rows that a new one was measured on.

    Those are the test rows, without any the validation rows: of their own file, or held out.

    Args:
        run: The published run.
        files: The new model's files.
        labels: The new model's labels.
        share: Share of the training rows that was held out.
        seed: Seed of the choice.

    Raises:
        DataError: If the published model or the rows cannot be read.
    """
    classifier = Classifier.load(run)
    corpus = Corpus(
        files.test or files.validation or files.train,
        files.format,
        labels=LabelMap(labels).freeze(),
        bad_rows=BadRows(files.bad_rows.limit),
    )
    own = corpus.as_trained(classifier.columns)
    if files.test or files.validation:
        return figures_of(classifier, own.blocks(), labels)
    return figures_of(classifier, _held_out(corpus, own, share, seed), labels)


def _held_out(corpus: Corpus, own: Corpus, share: float, seed: int) -> Iterator[TextBlock]:
    """Yield the rows that are held out, as the model reads them.

    Args:
        corpus: The rows as the new model reads them: these texts say which are held out.
        own: The rows as the published model reads them.
        share: Share of rows held out.
        seed: Of the choice.
    """
    from textclf.ngrams.split import settle

    split, blocks = settle(corpus.blocks(), share, seed)
    pairs = ((b, b) for b in blocks) if own is corpus else paired(blocks, own.blocks())
    for chosen_by, block in pairs:
        assert block.labels is not None
        chosen = np.flatnonzero(~split.training(chosen_by))
        ends, data = block.offsets, block.text
        texts = [data[ends[i] : ends[i + 1]].tobytes() for i in chosen]
        yield TextBlock.from_bytes(texts, block.labels[chosen], block.rows[chosen], block.source)
