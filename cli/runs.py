"""textclf runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textclf.runs import Run, RunStore, models

from .console import Console, output_options, size, table
from .options import models_dir_option


@click.group(short_help="List, show, promote and prune the runs of a model.")
def runs() -> None:
    """Look after the runs of a model."""


def _row(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    test, validation = metrics.get("test") or {}, metrics.get("validation") or {}
    return {
        "run": run.id,
        "current": run.current,
        "validation_accuracy": validation.get("accuracy"),
        "test_accuracy": test.get("accuracy"),
        "bytes": run.size,
    }


@runs.command("list")
@click.argument("name", required=False)
@models_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@output_options
def list_runs(name: str | None, models_dir: Path, as_json: bool, console: Console) -> None:
    """List the runs of model NAME, or of all models, oldest first."""
    names = [name] if name else models(models_dir)
    found = [{"model": n, **_row(r)} for n in names for r in RunStore(models_dir, n).runs()]
    if as_json:
        console.json(found)
        return
    if not found:
        console.result(f"no runs in {models_dir / name if name else models_dir}")
        return
    rows = [
        [r["model"], r["run"], "*" if r["current"] else "", _share(r["validation_accuracy"]),
         _share(r["test_accuracy"]), size(r["bytes"])]
        for r in found
    ]  # fmt: skip
    header = ["model", "run", "current", "validation accuracy", "test accuracy", "disk"]
    console.result(table(rows, header))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


@runs.command("show")
@click.argument("name")
@click.argument("run", default="current")
@models_dir_option
@output_options
def show(name: str, run: str, models_dir: Path, console: Console) -> None:
    """Print metrics.json of a RUN of model NAME; by default of the published one."""
    found = RunStore(models_dir, name).find(run)
    console.json(found.metrics | {"folder": str(found.folder), "current": found.current})


@runs.command("promote")
@click.argument("name")
@click.argument("run")
@models_dir_option
@output_options
def promote(name: str, run: str, models_dir: Path, console: Console) -> None:
    """Publish RUN of model NAME."""
    store = RunStore(models_dir, name)
    chosen = store.find(run)
    with store.lock():
        store.promote(chosen)
    console.result(f"{store.folder / 'current'} -> {chosen.id}")


@runs.command("rollback")
@click.argument("name")
@models_dir_option
@output_options
def rollback(name: str, models_dir: Path, console: Console) -> None:
    """Publish the run of model NAME before the published one."""
    store = RunStore(models_dir, name)
    store.find("current")
    with store.lock():
        chosen = store.rollback()
    console.result(f"{store.folder / 'current'} -> {chosen.id}")


@runs.command("prune")
@click.argument("name")
@click.option("--keep", type=click.IntRange(0), required=True, help="How many of the newest stay.")
@models_dir_option
@output_options
def prune(name: str, keep: int, models_dir: Path, console: Console) -> None:
    """Remove old runs of model NAME; the published one stays."""
    store = RunStore(models_dir, name)
    freed = {run.id: run.size for run in store.runs()}
    with store.lock():
        store.discard_unfinished()
        removed = store.prune(keep)
    total = sum(freed[run.id] for run in removed)
    console.result(f"{len(removed)} runs removed, {size(total)} freed")
