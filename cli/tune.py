"""textclf tune."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import UsageError
from textclf.runs import RunStore

from .console import Console, output_options
from .figures import duration
from .job import JobOptions, job_options
from .options import PATH, layout_words, models_dir_option
from .unattended import seconds

if TYPE_CHECKING:
    from textclf.tuning.search import Found

_BUDGET = "10m"


@click.command(short_help="Search for better settings within a time budget.")
@job_options
@models_dir_option
@click.option(
    "--time-budget", type=seconds, metavar="DURATION",
    help=f"Search so long, such as 1h.  [default: {_BUDGET}, without --trials]",
)  # fmt: skip
@click.option("--trials", type=click.IntRange(1), help="Try so many settings.")
@click.option(
    "--output", "-o", type=PATH,
    help="Where the settings go.  [default: MODELS/NAME/tuning/config.toml]",
)  # fmt: skip
@click.option(
    "--resume/--no-resume", default=True,
    help="Whether to go on with the same search, if it was begun before.  [default: resume]",
)  # fmt: skip
@click.option(
    "--wait", type=seconds, default="0", metavar="DURATION",
    help="Wait for the lock, such as 30m.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_options
def tune(
    options: JobOptions,
    models_dir: Path,
    time_budget: float | None,
    trials: int | None,
    output: Path | None,
    resume: bool,
    wait: float,
    as_json: bool,
    console: Console,
) -> None:
    """Search for settings that are more accurate on rows held out of the training rows.

    \b
    textclf tune --dataset ag_news --time-budget 10m
    textclf train --dataset ag_news --config models/ag_news/tuning/config.toml

    What is given with --set stays as it is. The test rows are not read.
    """
    from textclf.tuning.budget import Limits
    from textclf.tuning.config import check_target, write_config
    from textclf.tuning.search import check_optuna, search

    if time_budget is None and trials is None:
        time_budget = seconds(_BUDGET)
    if time_budget is not None and time_budget <= 0:
        raise UsageError("--time-budget leaves no time", remedy="give 10m or more")
    check_optuna()
    if output == Path("-"):
        raise UsageError("settings are written to a file", where="-", remedy="give --output FILE")
    if output is not None:
        check_target(output)
    console.resumable = True
    job = options.job(console)
    folder = RunStore(models_dir, job.name).folder / "tuning"
    target = output or folder / "config.toml"
    found = search(
        job.files,
        job.settings,
        folder,
        Limits(trials, time_budget, job.settings.training.seed),
        fixed=frozenset(text.partition("=")[0].strip() for text in options.overrides),
        resume=resume,
        wait=wait,
        report=console.report,
        should_stop=console.should_stop,
    )
    kept = not found.best and target.exists()  # it may be what an earlier search has found
    if not kept:
        write_config(target, found)
    if as_json:
        console.json(_as_json(found, target))
    else:
        command = _training(options, models_dir, target)
        console.done(_summary(found, f"{target}{', as it was' * kept}", command))
    if found.interrupted:
        console.check()


def _as_json(found: Found, target: Path) -> dict[str, Any]:
    return {
        "config": str(target),
        "changes": found.changes,
        "best": found.best or None,
        "start": found.start or None,
        "rows": found.rows,
        "share": found.share,
        "trials": found.trials,
        "seconds": round(found.seconds, 1),
    }


def _summary(found: Found, target: str, command: str) -> str:
    tried = found.trials
    changed = [f"{name} = {value!r}" for name, value in found.changes.items()]
    what = "none: no settings were clearly better than those it started from"
    if not found.best:
        why = (
            "it was stopped before it measured"
            if found.interrupted
            else "there was no time to measure"
        )
        what = f"none: {why} any"
    lines = [
        f"trials      {tried['completed']} completed, {tried['stopped_early']} stopped early, "
        f"{tried['failed']} failed, in {duration(found.seconds)}",
        f"changes     {', '.join(changed) or what}",
        f"accuracy    {_against(found.best, found.start)} on {found.measured_on()}"
        if found.best
        else "accuracy    not measured"
        + ("; the same command goes on" if found.interrupted else "; give a longer --time-budget"),
        f"settings    {target}",
    ]
    if found.best:
        lines += ["", f"Train it:   {command}"]
    return "\n".join(lines)


def _training(options: JobOptions, models_dir: Path, config: Path) -> str:
    """Return the command that trains what was found."""
    limit = options.bad_rows.limit
    given = {
        "--name": options.name,
        "--data-dir": options.data_dir,
        "--models-dir": models_dir if models_dir != Path("models") else None,
        "--skip-bad-rows": (f"{100 * limit:g}%" if isinstance(limit, float) else limit) or None,
        "--config": config,
    }
    words = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
    return shlex.join(["textclf", "train", *_named(options), *words])


def _against(best: Mapping[str, float], start: Mapping[str, float]) -> str:
    if best == start:
        return f"{best['accuracy']:.4f}"
    return f"{best['accuracy']:.4f}, and {start['accuracy']:.4f} before,"


def _named(options: JobOptions) -> list[str]:
    """Return the options that say what to train on."""
    if not options.train_files:
        return ["--dataset", options.dataset or str(options.config)]
    given = [("--train-file", file) for file in options.train_files]
    given += [("--validation-file", file) for file in options.validation_files]
    given += [("--test-file", file) for file in options.test_files]
    return [word for pair in given for word in pair] + layout_words(options.layout)
