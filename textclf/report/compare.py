"""What two runs differ in, and a page of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textclf.errors import DataError
from textclf.report import display
from textclf.report.data import ClassFigures, RunData
from textclf.report.page import FIGURES, MOST_ROWS, curves, render, style

_PARTS = ("test", "validation")
_FACTS = {
    "samples.train": "training rows",
    "samples.validation": "validation rows",
    "samples.test": "test rows",
    "classes": "classes",
    "features": "n-grams",
    "epochs": "epochs",
    "best_epoch": "best epoch",
    "seconds.total": "seconds in all",
    "peak_rss_bytes": "bytes of memory at most",
}
_CALLED = _FACTS | {
    f"{part}.{key}": f"{part} {name}" for part in _PARTS for key, name in FIGURES.items()
}
_CURVES = {
    "Validation loss": (("val_loss", "", "a"),),
    "Validation accuracy": (("val_accuracy", "", "a"),),
    "Training loss": (("loss", "", "a"),),
}


@dataclass(frozen=True)
class Comparison:
    """What two runs differ in.

    Attributes:
        settings: By name, both runs' settings where they differ.
        figures: By name, such as `test.accuracy`, both runs' figures.
        facts: By name, such as `seconds.total`, both runs' sizes and costs.
        part: What rows the classes' figures are of; None if both runs have none in common.
        other_rows: The parts, of `test` and `validation`, that both were measured on, but not, as
            far as is known, on the same rows.
        classes: By label, the class in both runs, None where a run lacks it.
    """

    settings: dict[str, tuple[Any, Any]]
    figures: dict[str, tuple[Any, Any]]
    facts: dict[str, tuple[Any, Any]]
    part: str | None
    other_rows: list[str]
    classes: dict[str, tuple[ClassFigures | None, ClassFigures | None]]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what JSON can say."""
        return {
            "settings": {name: list(pair) for name, pair in self.settings.items()},
            "figures": {name: list(pair) for name, pair in self.figures.items()},
            "facts": {name: list(pair) for name, pair in self.facts.items()},
            "part": self.part,
            "other_rows": self.other_rows,
            "f1": {
                label: [None if c is None else c.f1 for c in pair]
                for label, pair in self.classes.items()
            },
        }


def compare(first: RunData, second: RunData) -> Comparison:
    """Return what two runs differ in."""
    configs = [display.flat(run.config) for run in (first, second)]
    metrics = [display.flat(run.metrics) for run in (first, second)]
    parts = [run.measured.part if run.measured else None for run in (first, second)]
    part = parts[0] if parts[0] == parts[1] else None
    return Comparison(
        {
            name: pair
            for name, pair in _pairs(configs, [*configs[0], *configs[1]]).items()
            if pair[0] != pair[1]
        },
        _pairs(metrics, [f"{p}.{key}" for p in _PARTS for key in FIGURES]),
        _pairs(metrics, _FACTS),
        part,
        [
            name
            for name in _PARTS
            if all(run.metrics.get(name) for run in (first, second))
            and not _same_rows(first, second, name)
        ],
        _classes(first, second) if part else {},
    )


def comparison_page(first: RunData, second: RunData, found: Comparison) -> str:
    """Return a page of what two runs differ in, as HTML.

    Raises:
        DataError: If a run's files do not hold together.
    """
    names = (f"A {first.id}", f"B {second.id}")
    runs = list(zip(("A", "B"), (first.history, second.history), strict=True))
    try:
        changes = sorted(found.classes.items(), key=_change)
        return render(
            "compare.html",
            runs=(first, second),
            names=names,
            called=_CALLED,
            style=style(),
            shade=display.level,
            found=found,
            curves=curves(runs, _CURVES),
            classes=[pair for _, pair in changes[:MOST_ROWS]],
            made_by=str(second.metrics.get("textclf", "")),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(
            f"the runs' files do not hold together ({error!r})",
            where=f"{first.folder}, {second.folder}",
            remedy="train them again or restore them from a copy",
        ) from error


def _pairs(flat: list[dict[str, Any]], names: Any) -> dict[str, tuple[Any, Any]]:
    """Return what both have by name, in order, unless neither has it."""
    return {n: (flat[0].get(n), flat[1].get(n)) for n in names if n in flat[0] or n in flat[1]}


def _same_rows(first: RunData, second: RunData, part: str) -> bool:
    """Return whether the figures are of the same rows: same bytes, split in the same way."""
    hashes = [run.metrics.get("sha256") or {} for run in (first, second)]
    if part in hashes[0] or part in hashes[1]:
        return hashes[0].get(part) is not None and hashes[0].get(part) == hashes[1].get(part)
    split = [
        (run.config.get("training") or {}).get(key)
        for key in ("seed", "validation_split")
        for run in (first, second)
    ]
    known = hashes[0].get("train") is not None and hashes[0].get("train") == hashes[1].get("train")
    return known and split[0] == split[1] and split[2] == split[3]


def _classes(
    first: RunData, second: RunData
) -> dict[str, tuple[ClassFigures | None, ClassFigures | None]]:
    tables = [
        {c.label: c for c in run.measured.classes} if run.measured else {}
        for run in (first, second)
    ]
    labels = dict.fromkeys([*tables[0], *tables[1]])
    return {label: (tables[0].get(label), tables[1].get(label)) for label in labels}


def _change(item: tuple[str, tuple[ClassFigures | None, ClassFigures | None]]) -> float:
    before, after = item[1]
    return after.f1 - before.f1 if before and after else -2.0
