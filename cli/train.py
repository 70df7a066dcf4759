"""textclf train."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import OutputError, TextclfError, UsageError
from textclf.runs import Run, RunStore, new_run_id
from textclf.settings import PRESETS, read_toml, resolve
from textclf.tensorboard_log import TensorBoardLog, check_tensorboard

from .cache import cache_options
from .console import Console, duration, output_options, size
from .options import (
    PATH,
    corpus_format,
    data_dir_option,
    dataset_format,
    format_options,
    models_dir_option,
)
from .tolerance import bad_row_options
from .unattended import Unattended, seconds, unattended_options

if TYPE_CHECKING:
    from textclf.cache import ShardCache
    from textclf.corpus.bad_rows import BadRows
    from textclf.job import TrainingFiles
    from textclf.pipeline import OnEpoch, TrainedRun


@click.command(short_help="Train a model and publish it.")
@click.option("--dataset", help="A named dataset; see 'textclf datasets list'.")
@click.option("--train-file", "train_files", multiple=True, help="Labelled rows to train on.")
@click.option("--validation-file", "validation_files", multiple=True, help="For early stopping.")
@click.option("--test-file", "test_files", multiple=True, help="For the final figures.")
@click.option("--name", help="The model's name.  [default: the dataset's or the file's]")
@format_options
@bad_row_options
@data_dir_option
@models_dir_option
@click.option("--config", type=PATH, help="A TOML file with settings, or of a dataset.")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), help="Settings to start from.")
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same as training.seed.")
@click.option(
    "--class-weight",
    type=click.Choice(["none", "balanced"]),
    help="Whether rare classes weigh as much as frequent ones.",
)
@click.option("--wait", default="0", metavar="DURATION", help="Wait for the lock, such as 30m.")
@cache_options
@unattended_options
@click.option(
    "--tensorboard", type=PATH, metavar="DIR", help="Write the figures of each epoch to DIR/RUN."
)
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json's contents.")
@output_options
def train(
    dataset: str | None,
    train_files: tuple[str, ...],
    validation_files: tuple[str, ...],
    test_files: tuple[str, ...],
    name: str | None,
    bad_rows: BadRows,
    data_dir: Path | None,
    models_dir: Path,
    config: Path | None,
    preset: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    class_weight: str | None,
    wait: str,
    cache: ShardCache | None,
    unattended: Unattended,
    tensorboard: Path | None,
    as_json: bool,
    console: Console,
    **layout: Any,
) -> None:
    """Train a model on a named dataset or on files, and publish it.

    \b
    textclf train --dataset ag_news
    textclf train --train-file reviews.csv --label-column stars --text-column review
    """
    console.run_id = new_run_id()
    tables: list[tuple[str, Mapping[str, Any]]] = []
    if preset:
        tables.append((f"--preset {preset}", PRESETS[preset]))
    names: Mapping[str, str] = {}
    if dataset or (config and not train_files):
        if dataset and train_files:
            raise UsageError("--dataset and --train-file exclude each other")
        found, files = _dataset_files(dataset or str(config), data_dir, bad_rows, console)
        tables.insert(0, (found.source, found.settings))
        names, chosen = found.class_names, name or found.name
    elif train_files:
        from textclf.job import TrainingFiles

        fmt = corpus_format(**layout)
        files = TrainingFiles(train_files, validation_files, test_files, fmt, bad_rows)
        chosen = name or _stem(train_files[0])
    else:
        raise UsageError(
            "there is nothing to train on",
            remedy="give --dataset NAME (see 'textclf datasets list') or --train-file FILE",
        )
    if config and (dataset or train_files):
        tables.append((str(config), _settings_of(read_toml(config))))
    extra = [f"training.seed={seed}"] if seed is not None else []
    extra += [f"training.class_weight={class_weight}"] if class_weight else []
    settings = resolve(tables, [*overrides, *unattended.overrides(), *extra])
    store, waiting = RunStore(models_dir, chosen), seconds(wait)
    with _metrics_file(unattended.metrics_file, store):
        if unattended.if_changed:
            from textclf.job import unchanged

            run = store.current()
            if run and unchanged(run, files, settings, unattended.warm_start):
                _say_unchanged(run, as_json, console)
                return
        if tensorboard is not None:
            check_tensorboard(tensorboard)
        from textclf.pipeline import train as run_training

        trained = run_training(
            chosen,
            files,
            settings,
            models_dir,
            policy=unattended.policy(console.run_id),
            class_names=names,
            wait=waiting,
            report=console.report,
            should_stop=console.should_stop,
            on_epoch=_on_epoch(tensorboard, console.run_id),
            cache=cache,
        )
    if as_json:
        console.json(trained.metrics)
    else:
        console.result(summary(trained, models_dir / chosen))


def _on_epoch(tensorboard: Path | None, run: str) -> OnEpoch:
    """Return what is told of each epoch."""
    return TensorBoardLog(tensorboard / run) if tensorboard is not None else lambda _: None


def _say_unchanged(run: Run, as_json: bool, console: Console) -> None:
    if as_json:
        console.json(run.metrics)
    else:
        console.result(f"nothing to do: data and settings are those of run {run.id}")


@contextmanager
def _metrics_file(path: Path | None, store: RunStore) -> Iterator[None]:
    """Write the metrics file at the end, however it ends."""
    if path is None:
        yield
        return
    from textclf.prometheus import exposition, write

    if not path.absolute().parent.is_dir():  # rather now than when the work is done
        raise OutputError("no such folder", where=str(path.parent), remedy="make it first")
    began, code = time.monotonic(), 1
    try:
        yield
        code = 0
    except TextclfError as error:
        code = error.exit_code
        raise
    finally:
        spent = round(time.monotonic() - began, 3)
        text = exposition(
            store.name, ended=round(time.time(), 3), exit_code=code, seconds=spent,
            published=store.current(),
        )  # fmt: skip
        write(path, text)


def _dataset_files(
    dataset: str, data_dir: Path | None, bad_rows: BadRows, console: Console
) -> tuple[Any, TrainingFiles]:
    from textclf import datasets
    from textclf.job import TrainingFiles

    found = datasets.find(dataset)
    files = datasets.fetch(found, data_dir, progress=console.report)
    return found, TrainingFiles(
        (str(files.train),),
        (str(files.validation),) if files.validation else (),
        (str(files.test),) if files.test else (),
        dataset_format(found, files.train),
        bad_rows,
    )


def _settings_of(table: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in table.items() if k not in ("data", "dataset")}


def _stem(file: str) -> str:
    name = Path(file).name.split(".")[0] if file != "-" else "stdin"
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "model"


def summary(trained: TrainedRun, model: Path) -> str:
    """Return the figures of a run, for people."""
    m = trained.metrics
    samples, spent = m["samples"], m["seconds"]
    lines = [
        f"model       {model / 'current'}",
        f"rows        {samples['train']:,} train, {samples['validation']:,} validation, "
        f"{samples['test']:,} test; {m['classes']} classes",
        f"features    {m['features']:,} n-grams; {m['layout']}",
        f"training    {m['epochs']} epochs of {m['steps_per_epoch']:,} steps, "
        f"best {m['best_epoch']}",
        f"validation  {_figures(m['validation'])}",
        f"test        {_figures(m['test']) if m['test'] else 'no test file'}",
        f"time        {duration(spent['total'])}: "
        + ", ".join(f"{k} {duration(v)}" for k, v in spent.items() if k != "total")
        + ("; rows vectorized before" if m["cache"] == "hit" else ""),
        f"memory      {size(m['peak_rss_bytes'])} at most",
        f"report      {model / 'current' / 'report.html'}",
        "",
        f"Try it:     echo 'some text' | textclf predict {model / 'current'}",
    ]
    return "\n".join(lines)


def _figures(figures: Mapping[str, float]) -> str:
    return (
        f"accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}, "
        f"loss {figures['loss']:.4f}"
    )
