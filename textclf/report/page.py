"""The page of a run: one file that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textclf.errors import DataError
from textclf.report import charts, display
from textclf.report.confusion import confusion_matrix
from textclf.report.data import ReportFigures, RunData
from textclf.report.reproduce import command

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_ROWS = 1000  # classes in a table
MOST_PAIRS = 20  # confusions in a list
FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "loss": "log loss",
    "ece": "ECE",
}
# What a column of history.csv is called on the page, and how its line is drawn.
_CURVES = {
    "Loss": (
        ("loss", "training", "b dashed"),
        ("val_loss", "validation", "a"),
        ("val_calibrated_loss", "validation, calibrated", "c dotted"),
    ),
    "Accuracy": (("accuracy", "training", "b dashed"), ("val_accuracy", "validation", "a")),
}


def run_page(run: RunData) -> str:
    """Return the page of a run as HTML.

    Raises:
        DataError: If the run's files do not hold together.
    """
    try:
        return render("run.html", **_content(run))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(
            f"the run's files do not hold together ({error!r})",
            where=str(run.folder),
            remedy="train it again or restore it from a copy",
        ) from error


def render(template: str, **content: Any) -> str:
    """Return a template filled in.

    Raises:
        ValueError: If it needs what is not there; or TypeError, KeyError.
    """
    from jinja2 import UndefinedError

    try:
        return _environment().get_template(template).render(**content) + "\n"
    except UndefinedError as error:
        raise ValueError(str(error)) from error


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=display.visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        display.short, display.figure, display.size, display.shades, display.setting,
        display.change, display.visible,
    ):  # fmt: skip
        made.filters[function.__name__] = function
    return made


def _content(run: RunData) -> dict[str, Any]:
    metrics, found = run.metrics, run.measured
    parts = [part for part in ("test", "validation") if metrics.get(part)]
    return {
        "run": run,
        "m": metrics,
        "style": style(),
        "parts": parts,
        "figures": FIGURES,
        "curves": curves([("", run.history)], _CURVES),
        "found": found,
        "of_classes": _of_classes(found) if found else {},
        "settings": {
            section: display.flat(table)
            for section, table in run.config.items()
            if section != "data" and isinstance(table, dict)
        },
        "command": command(run),
    }


def _of_classes(found: ReportFigures) -> dict[str, Any]:
    weakest = sorted(found.classes, key=lambda c: c.f1)[:MOST_ROWS]
    kept = {id(c) for c in weakest}
    pairs = [
        (
            found.classes[i].name,
            found.classes[j].name,
            rows,
            rows / max(1, found.classes[i].support),
        )
        for i, j, rows in found.confused[:MOST_PAIRS]
    ]
    rows = sum(c.support for c in found.classes)
    return {
        "matrix": confusion_matrix(found),
        "classes": [c for c in found.classes if id(c) in kept],
        "rows": rows,
        "pairs": pairs,
        "charts": [
            charts.histogram("confidence", found.bins),
            charts.reliability("reliability", found.bins),
        ]
        if rows
        else [],
        "most": max(c.trained for c in found.classes),
        "ngrams": [(found.name_of(label), top) for label, top in found.ngrams.items()],
    }


def curves(
    runs: Sequence[tuple[str, Sequence[dict[str, float]]]],
    wanted: Mapping[str, tuple[tuple[str, str, str], ...]],
) -> list[charts.Chart]:
    """Draw the figures of each epoch.

    Args:
        runs: What lines of a run are called, and its history.
        wanted: By title, the columns: name, what it is called, style.
    """
    drawn = []
    for title, columns in wanted.items():
        lines = []
        for place, (name, history) in enumerate(runs):
            for column, called, style in columns:
                points = [(r["epoch"], r[column]) for r in history if column in r and "epoch" in r]
                if points:
                    hue = style if place == 0 else "b dashed"
                    lines.append(charts.Line(f"{name} {called}".strip(), hue, points))
        if lines:
            summary = "; ".join(
                f"{display.visible(line.name)}: from {line.points[0][1]:.4f} to "
                f"{line.points[-1][1]:.4f}"
                for line in lines
            )
            key = title.lower().replace(" ", "-")
            drawn.append(charts.line_chart(key, title, lines, "ccuracy" in title, summary + "."))
    return drawn


@cache
def style() -> str:
    return (Path(__file__).parent / "style.css").read_text("utf-8")
