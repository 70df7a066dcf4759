"""textclf runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textclf.reading import reading
from textclf.report.display import size
from textclf.runs import Run, RunStore, find_store, models, no_such_model

from .console import Console, output_options
from .figures import table
from .options import models_dir_option

_WIDEST = 60  # characters of a figure that is compared


@click.group(short_help="List, show, promote and prune the runs of a model.")
def runs() -> None:
    """Look after the runs of a model."""


def _row(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    test, validation = metrics.get("test") or {}, metrics.get("validation") or {}
    return {
        "run": run.id,
        "current": run.current,
        "refused": not run.passed,
        "validation_accuracy": validation.get("accuracy"),
        "test_accuracy": test.get("accuracy"),
        "bytes": run.size,
    }


def _check_model(store: RunStore) -> None:
    with reading(store.folder):
        known = store.folder.is_dir()
    if not known:
        raise no_such_model(store)


@runs.command("list", short_help="List runs and their accuracy.")
@click.argument("name", required=False)
@models_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@output_options
def list_runs(name: str | None, models_dir: Path, as_json: bool, console: Console) -> None:
    """List the runs of model NAME, or of all models, oldest first, and their accuracy.

    `refused` is one that a quality gate kept from being published.
    """
    if name is not None:
        store = find_store(models_dir, name)
        _check_model(store)
        name = store.name
    names = [name] if name else models(models_dir)
    found = [{"model": n, **_row(r)} for n in names for r in RunStore(models_dir, n).runs()]
    if as_json:
        console.json(found)
        return
    if not found:
        console.result(f"no runs in {models_dir / name if name else models_dir}")
        return
    rows = [
        [r["model"], r["run"], "current" if r["current"] else "refused" if r["refused"] else "",
         _share(r["validation_accuracy"]), _share(r["test_accuracy"]), size(r["bytes"])]
        for r in found
    ]  # fmt: skip
    header = ["model", "run", "", "validation", "test", "disk"]
    console.result(table(rows, header))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


@runs.command("show", short_help="Print the figures of a run.")
@click.argument("name")
@click.argument("run", default="current")
@models_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json as an object, whole.")
@output_options
def show(name: str, run: str, models_dir: Path, as_json: bool, console: Console) -> None:
    """Print the figures of a RUN of model NAME; by default of the published one."""
    found = find_store(models_dir, name).find(run)
    metrics = found.metrics | {"folder": str(found.folder), "current": found.current}
    if as_json:
        console.json(metrics)
        return
    hidden = {"run", "job"}  # it is above; what --if-changed compares
    gate = metrics.get("gate") or {}
    if gate.get("passed") and not {"min_accuracy", "min_macro_f1", "max_drop"} & gate.keys():
        hidden.add("gate")  # nothing was asked for
    figures = _flat({key: value for key, value in metrics.items() if key not in hidden})
    rows = [[key, _shown(value)] for key, value in figures.items()]
    reasons = gate.get("reasons") or ()
    rows += [["not published", str(why)] for why in reasons]
    console.result(table(rows, [name, found.id]))


@runs.command("promote")
@click.argument("name")
@click.argument("run")
@models_dir_option
@output_options
def promote(name: str, run: str, models_dir: Path, console: Console) -> None:
    """Publish RUN of model NAME."""
    store = find_store(models_dir, name)
    store.find(run)  # without a lock, which would make a folder
    with store.lock():
        chosen = store.promote(store.find(run))
    console.done(f"{store.folder / 'current'} -> {chosen.id}")


@runs.command("rollback")
@click.argument("name")
@models_dir_option
@output_options
def rollback(name: str, models_dir: Path, console: Console) -> None:
    """Publish the run of model NAME before the published one."""
    store = find_store(models_dir, name)
    store.find("current")
    with store.lock():
        chosen = store.rollback()
    console.done(f"{store.folder / 'current'} -> {chosen.id}")


@runs.command("prune")
@click.argument("name")
@click.option("--keep", type=click.IntRange(0), required=True, help="How many of the newest stay.")
@models_dir_option
@output_options
def prune(name: str, keep: int, models_dir: Path, console: Console) -> None:
    """Remove old runs of model NAME.

    The published one stays, and what a stopped job would go on from.
    """
    store = find_store(models_dir, name)
    _check_model(store)  # the lock would make its folder
    with store.lock():
        store.check()
        freed = {run.id: run.size for run in store.runs()}
        removed = store.prune(keep)
    total = sum(freed[run.id] for run in removed)
    console.done(
        f"{len(removed)} {'run' if len(removed) == 1 else 'runs'} removed, {size(total)} freed"
    )


@runs.command("compare", short_help="Compare two runs of a model.")
@click.argument("name")
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", default="current")
@models_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_options
def compare(
    name: str, first: str, second: str, models_dir: Path, as_json: bool, console: Console
) -> None:
    """Compare runs A and B of model NAME; B is the published one by default."""
    store = find_store(models_dir, name)
    found = [store.find(first), store.find(second)]
    flat = [_flat(run.metrics) for run in found]
    names = [n for n in flat[0] | flat[1] if flat[0].get(n) != flat[1].get(n)]
    if as_json:
        console.json({n: [figures.get(n) for figures in flat] for n in names})
        return
    if not names:
        console.result(f"{found[0].id} and {found[1].id} are the same in all figures")
        return
    rows = [[n, *(_figure(figures.get(n)) for figures in flat), _change(n, *flat)] for n in names]
    console.result(table(rows, ["", *(run.id for run in found), "change"]))


def _flat(metrics: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested figures as one level, dots between the names; lists of lists are left out."""
    flat: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            if not any(isinstance(v, (list, dict)) for v in value):
                flat[f"{prefix}{name}"] = ", ".join(map(str, value))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = "-" if value in (None, "") else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value or "-")


def _change(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    a, b = before.get(name), after.get(name)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if not numbers or a is None or b is None:
        return ""
    change = b - a
    return f"{change:+.4f}" if isinstance(change, float) else f"{change:+,d}"
