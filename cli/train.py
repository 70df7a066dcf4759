"""textclf train."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from textclf.errors import DataError, Interrupted, OutputError, TextclfError
from textclf.report.display import size
from textclf.runs import Run, RunStore, new_run_id
from textclf.tensorboard_log import TensorBoardLog, check_tensorboard

from .cache import cache_options
from .console import Console, output_options
from .figures import duration
from .job import Job, JobOptions, job_options
from .options import PATH, models_dir_option
from .refusals import refused
from .unattended import Unattended, seconds, unattended_options

if TYPE_CHECKING:
    from textclf.cache import ShardCache
    from textclf.pipeline import TrainedRun
    from textclf.progress import OnEpoch


@click.command(short_help="Train a model and publish it.")
@job_options
@models_dir_option
@click.option(
    "--wait", type=seconds, default="0", metavar="DURATION",
    help="Wait for the lock, such as 30m.",
)  # fmt: skip
@cache_options
@unattended_options
@click.option(
    "--tensorboard", type=PATH, metavar="DIR", help="Write the figures of each epoch to DIR/RUN."
)
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json's contents.")
@output_options
def train(
    options: JobOptions,
    models_dir: Path,
    wait: float,
    cache: ShardCache | None,
    unattended: Unattended,
    tensorboard: Path | None,
    as_json: bool,
    console: Console,
) -> None:
    """Train a model on a named dataset or on files, and publish it.

    \b
    textclf train --dataset ag_news
    textclf train --train-file reviews.csv --label-column stars --text-column review
    """
    console.run_id, console.resumable = new_run_id(), True
    with _metrics_file(unattended.metrics_file, models_dir, options, console):
        job = options.job(console, unattended.overrides())
        if job.single_pass:
            console.stop_at_once()
        store = RunStore(models_dir, job.name)

        def done() -> Run | None:
            return _done_before(store, job, unattended, console) if unattended.if_changed else None

        if run := done():
            _say_unchanged(run, as_json, console)
            return
        if tensorboard is not None:
            check_tensorboard(tensorboard)
        from textclf.pipeline import train as run_training

        trained = run_training(
            job.name,
            job.files,
            job.settings,
            models_dir,
            policy=unattended.policy(console.run_id, done),
            class_names=job.class_names,
            wait=wait,
            report=console.report,
            should_stop=console.should_stop,
            on_epoch=_on_epoch(tensorboard, console.run_id),
            cache=cache,
        )
    if trained.repeated:
        _say_unchanged(trained.run, as_json, console)
    elif as_json:
        console.json(trained.metrics)
    else:
        console.done(summary(trained, models_dir / job.name))


def _on_epoch(tensorboard: Path | None, run: str) -> OnEpoch:
    """Return what is told of each epoch."""
    return TensorBoardLog(tensorboard / run) if tensorboard is not None else lambda _: None


def _done_before(store: RunStore, job: Job, unattended: Unattended, console: Console) -> Run | None:
    """Return the run that training would repeat: the published one, or one gone back from."""
    from textclf.classifier import check_model
    from textclf.job import unchanged

    def same(run: Run | None) -> bool:
        limit = unattended.time_limit or job.settings.training.time_limit
        how = unattended.warm_start, limit
        return run is not None and unchanged(run, job.files, job.settings, *how)

    run = store.current()
    if run and same(run):
        try:
            check_model(run.folder)
        except DataError as error:
            if unattended.max_drop is None:  # else there is nothing to compare with
                console.say(f"{error.where}: {error.what}: it is trained again", "warning")
            return None
        return run
    if left := next(filter(same, store.gone_back_from()), None):
        console.say(
            f"run {left.id} of the same data and settings is not published any more, and not "
            f"trained again: correct the data, or give 'textclf runs promote {store.name} RUN'",
            "warning",
        )
        return left
    return None


def _say_unchanged(run: Run, as_json: bool, console: Console) -> None:
    if as_json:
        console.json(run.metrics)
    else:
        console.done(f"nothing to do: data and settings are those of run {run.id}")


@contextmanager
def _metrics_file(
    path: Path | None, models_dir: Path, options: JobOptions, console: Console
) -> Iterator[None]:
    """Write the metrics file at the end, however it ends."""
    if path is None:
        yield
        return
    from textclf.prometheus import exposition, write

    if not path.absolute().parent.is_dir():  # rather now than when the work is done
        raise OutputError("no such folder", where=str(path.parent), remedy="make it first")
    if path.is_dir():
        raise OutputError("is a folder", where=str(path), remedy="name a file in it")
    store = RunStore(models_dir, options.model_name())
    began, code = time.monotonic(), 1
    try:
        yield
        code = 0
    except Interrupted as error:
        code = 128 + console.signal if console.signal else error.exit_code
        raise
    except TextclfError as error:
        code = error.exit_code
        raise
    except (MemoryError, OSError) as error:
        code = refused(error).exit_code
        raise
    finally:
        spent = round(time.monotonic() - began, 3)
        text = exposition(
            store.name, ended=round(time.time(), 3), exit_code=code, seconds=spent,
            published=store.current(),
        )  # fmt: skip
        try:
            write(path, text)
        except OutputError as error:
            if code == 0:
                raise
            console.say(str(error), "warning")  # what ended the job is told last


def summary(trained: TrainedRun, model: Path) -> str:
    """Return the figures of a run, for people."""
    m = trained.metrics
    samples, spent = m["samples"], m["seconds"]
    lines = [
        f"model       {model / 'current'}",
        f"files       {m['layout']}",
        f"rows        {samples['train']:,} train, {samples['validation']:,} validation, "
        f"{samples['test']:,} test; {m['classes']} classes",
        f"features    {m['features']:,} n-grams",
        f"training    {m['epochs']} epochs of {m['steps_per_epoch']:,} {_steps(m)}, "
        f"best {m['best_epoch']}"
        + (f"; then {m['best_epoch']} on all rows" if m["refit"] else "")
        + ("; ended by the time limit" if m["ended"] == "time" else ""),
        f"validation  {_figures(m['validation'])}",
        f"test        {_figures(m['test']) if m['test'] else 'no test file'}",
        f"time        {duration(spent['total'])}: "
        + ", ".join(f"{k} {duration(v)}" for k, v in spent.items() if k != "total")
        + ("; rows vectorized before" if m["cache"] == "hit" else ""),
        f"memory      {size(m['peak_rss_bytes'])} at most",
        f"report      {model / 'current' / 'report.html'}",
        "",
        f"Try it:     echo 'some text' | textclf predict {shlex.quote(str(model / 'current'))}",
    ]
    return "\n".join(lines)


def _steps(metrics: Mapping[str, int]) -> str:
    return "step" if metrics["steps_per_epoch"] == 1 else "steps"


def _figures(figures: Mapping[str, float]) -> str:
    return (
        f"accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}, "
        f"loss {figures['loss']:.4f}"
    )
