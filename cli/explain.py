"""textclf explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import UsageError
from textclf.escapes import printable

from .console import Console, output_options
from .figures import table
from .options import MODEL, TEXTS, corpus_format, format_options, is_table

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.explanation import Explanation


@click.command(short_help="Say why a model says what it says.")
@click.argument("model", type=MODEL)
@click.argument("file", type=TEXTS, required=False)
@click.option("--text", "texts", multiple=True, help="A text to explain; may be given again.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="N-grams shown.")
@click.option(
    "--label",
    help="Explain this class, given by its label or its name.  [default: each, or that predicted]",
)
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: for texts, an object a line.")
@output_options
def explain(
    model: Path,
    file: str | None,
    texts: tuple[str, ...],
    top: int,
    label: str | None,
    as_json: bool,
    console: Console,
    **layout: Any,
) -> None:
    """Show the n-grams that speak most for each class, or why texts are labelled as they are.

    Texts come from --text, or from FILE (- is standard input): a text a line, or a CSV, TSV,
    JSON-lines or Parquet file, read as `textclf predict` reads it. What the n-grams of a text add
    to a class's logit sums to the difference from the empty text.
    """
    from textclf.classifier import Classifier

    console.stop_at_once()
    classifier = Classifier.load(model)
    label = _label(classifier, label)
    if file is None and not texts:
        _classes(classifier, top, label, as_json, console)
        return
    from textclf.corpus.reader import Corpus
    from textclf.explanation import explain as explain_text

    for text in texts:
        _text(classifier, explain_text(classifier, text), top, label, as_json, console)
    if file is not None:
        table_given = is_table(file, layout)
        if not table_given:
            layout["file_format"] = "lines"
        fmt = corpus_format(**layout, has_labels=False, trained=classifier.columns)
        corpus = Corpus((file,), fmt)
        if table_given and not layout["text_columns"]:
            console.say(corpus.layout.describe())
        for block in console.each(corpus.blocks()):
            for text in block.texts():
                console.check()
                _text(classifier, explain_text(classifier, text), top, label, as_json, console)


def _label(classifier: Classifier, name: str | None) -> str | None:
    """Return the label that --label names, if it is given."""
    if name is None:
        return None
    found = classifier.labels_of(name)
    if not found:
        shown = ", ".join(map(classifier.name_of, classifier.labels[:20]))
        raise UsageError(f"there is no class {name!r}", remedy=f"the classes are {shown}")
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} classes are named {name!r}",
            remedy=f"give the label: {' or '.join(found)}",
        )
    return found[0]


def _classes(
    classifier: Classifier, top: int, label: str | None, as_json: bool, console: Console
) -> None:
    from textclf.explanation import class_ngrams

    found = class_ngrams(classifier, top, [label] if label else None)
    if as_json:
        console.json(
            {
                name: [{"ngram": c.ngram, "value": c.value} for c in contributions]
                for name, contributions in found.items()
            }
        )
        return
    for i, (name, contributions) in enumerate(found.items()):
        rows = [[_visible(c.ngram), f"{c.value:+.3f}"] for c in contributions]
        title = classifier.name_of(name)
        console.result(("\n" if i else "") + table(rows, [title, "speaks for it by"]))


def _text(
    classifier: Classifier,
    found: Explanation,
    top: int,
    label: str | None,
    as_json: bool,
    console: Console,
) -> None:
    if as_json:
        console.json(found.as_dict(top, label))
        return
    shown = label or found.label
    place = found.labels.index(shown)
    text = _coloured(classifier, found, shown) if _colours() else _visible(found.text)
    console.result(text, as_it_is=True)
    line = (
        f"{classifier.name_of(found.label)} {found.probabilities.max():.4f}; logit of "
        f"{shown} {found.logits[place]:+.3f}, of the empty text {found.empty_logits[place]:+.3f}"
    )
    console.result(printable(line))
    best = found.top(shown, top)
    rest = found.contributions[:, place].sum() - sum(c.value for c in best)
    rows = [[_visible(c.ngram), f"{c.value:+.3f}"] for c in best]
    if len(best) < len(found.ngrams):
        rows.append([f"({len(found.ngrams) - len(best):,} others)", f"{rest:+.3f}"])
    console.result(table(rows, ["n-gram", f"adds to {shown}"]) + "\n")


def _colours() -> bool:
    import os

    return sys.stdout is not None and sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _coloured(classifier: Classifier, found: Explanation, label: str) -> str:
    """Return the text, words that speak for the class green and against it red."""
    from textclf.highlighting import highlights

    pieces = highlights(found, label, classifier.vectorizer.settings)
    most = max((abs(weight) for _, weight in pieces), default=0.0)
    shown = []
    for piece, weight in pieces:
        strong = abs(weight) > most / 2
        if abs(weight) < most / 10:
            shown.append(_visible(piece))
        else:
            colour = "green" if weight > 0 else "red"
            shown.append(click.style(_visible(piece), fg=colour, bold=strong))
    return "".join(shown)


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
