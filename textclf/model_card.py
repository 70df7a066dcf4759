"""A model card: what a model is, what it was trained on, how good it is and how it is used.

After Mitchell et al. 2019, Model Cards for Model Reporting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textclf.escapes import printable

if TYPE_CHECKING:
    from textclf.classifier import Classifier

_FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "loss": "log loss",
    "ece": "calibration error (ECE)",
}
_MOST_LABELS = 50


def model_card(metrics: Mapping[str, Any], classifier: Classifier) -> str:
    """Return a run's model card in Markdown.

    Args:
        metrics: The contents of the run's metrics.json.
        classifier: What came of it.
    """
    ngrams, hidden = classifier.vectorizer.settings, len(classifier.layers) - 1
    width = classifier.layers[0].kernel.shape[1]
    shape = (
        "a linear model" if hidden == 0 else f"a multi-layer perceptron ({hidden} x {width} units)"
    )
    if metrics.get("svm_weight"):
        shape += ", joined with linear support vector machines,"
    samples, begun = metrics["samples"], metrics.get("warm_start")
    lines = [
        f"# {_plain(metrics['dataset'])}",
        "",
        f"A text classifier: {shape} on {metrics['features']:,} {ngrams.analyzer} n-grams of "
        f"{ngrams.min_n} to {ngrams.max_n}, weighted by tf-idf. {_calibrated(metrics)}",
        "",
        "## Use",
        "",
        "```sh",
        "textclf predict . < texts.txt",
        "textclf explain . --text 'some text'",
        "```",
        "",
        "It answers with one of its labels, whatever the text is: for texts unlike those that it "
        "was trained on, in another language or of another kind, its answers mean nothing. "
        "`textclf predict --threshold` lets it abstain.",
        "",
        "## Labels",
        "",
        *_labels(classifier.labels, classifier.class_names),
        "",
        "## Data",
        "",
        f"{samples['train']:,} rows to train on, {samples['validation']:,} to stop early and "
        f"calibrate, {samples['test']:,} to test. Read as: {_plain(metrics['layout'])}.",
        "",
        *(f"- SHA-256 of {part}: `{digest}`" for part, digest in metrics["sha256"].items()),
        "",
        "Whatever bias the rows have, the model has learned too.",
        "",
        "## Figures",
        "",
        *_figures(metrics),
        "",
        "## Training",
        "",
        f"textclf {metrics['textclf']}, run {metrics['run']}, begun {metrics['started']}; "
        f"{metrics['epochs']} epochs, the best was {metrics['best_epoch']}; seed "
        f"{metrics['seed']}; {metrics['seconds']['total']:.0f} s. Its weights are saved as "
        f"{metrics['weights']['stored']}. Every setting is in `config.toml`."
        + (f" It went on from run {begun['run']}." if begun else ""),
    ]
    return "\n".join(lines) + "\n"


def _calibrated(metrics: Mapping[str, Any]) -> str:
    if not metrics.get("refit"):
        return "Its probabilities are calibrated on rows that it was not trained on."
    return (
        "It was trained once more in the end, on the rows held out too; its calibration and the "
        "validation figures are from before."
    )


def _labels(labels: Sequence[str], class_names: Mapping[str, str]) -> list[str]:
    shown = [
        f"- {_plain(label)}"
        + (f": {_plain(class_names[label])}" if class_names.get(label, label) != label else "")
        for label in labels[:_MOST_LABELS]
    ]
    more = len(labels) - len(shown)
    return [*shown, f"- and {more:,} more, in `model/model.json`"] if more else shown


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    parts = [part for part in ("validation", "test") if metrics.get(part)]
    lines = ["| | " + " | ".join(parts) + " |", "|---|" + "---|" * len(parts)]
    for key, name in _FIGURES.items():
        cells = [f"{metrics[part][key]:.4f}" for part in parts if key in metrics[part]]
        if len(cells) == len(parts):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _plain(text: str) -> str:
    """Return a text that came from data as one line that Markdown takes literally."""
    line = printable(" ".join(str(text).split()))
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in line)
