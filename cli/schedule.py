"""textclf schedule."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from textclf.errors import UsageError
from textclf.settings import read_toml, resolve

from .console import Console
from .job import name_by, settings_of
from .options import is_there

# Options of train whose values are files or folders: cron starts in another one.
_PATHS = {
    "--train-file", "--validation-file", "--test-file", "--data-dir", "--models-dir", "--config",
    "--rejects", "--log-file", "--metrics-file", "--tensorboard", "--dataset",
}  # fmt: skip
# What the job finds in its environment: names of folders, and other things.
_FOLDERS = (
    "TEXTCLF_DATA_DIR", "TEXTCLF_MODELS_DIR", "TEXTCLF_CACHE_DIR", "TEXTCLF_CONFIG_DIR",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
)  # fmt: skip
_PASSED_ON = ("TEXTCLF_CACHE_LIMIT", "TEXTCLF_MIRROR")


@click.command(
    short_help="Print a crontab line and systemd units that train every day.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--at", "moment", required=True, metavar="HH:MM", help="When, in local time.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="TRAIN_OPTIONS...")
def schedule(moment: str, options: tuple[str, ...]) -> None:
    """Print a crontab line and a systemd timer and service that train every day.

    Nothing is installed. All options of 'textclf train' are taken:

    \b
    textclf schedule --at 03:30 --dataset yelp --max-drop 0.005 --keep 7
    """
    from textclf.schedule import Schedule, check, time_of_day

    hour, minute = time_of_day(moment)
    name = _name(options)
    words = [*_program(), "train", "--quiet", *_absolute(options)]
    found = {k: _absolute_path(os.environ[k]) for k in _FOLDERS if os.environ.get(k)}
    found |= {k: os.environ[k] for k in _PASSED_ON if os.environ.get(k)}
    environment = {"PYTHONUTF8": "1", **found}
    if "--train-file" not in _names(options) and not {"--data-dir", "TEXTCLF_DATA_DIR"} & (
        _names(options) | set(found)
    ):
        from textclf.datasets import default_data_dir

        words += ["--data-dir", str(Path(default_data_dir()).absolute())]
    if "--models-dir" not in _names(options) and "TEXTCLF_MODELS_DIR" not in found:
        words += ["--models-dir", str(Path("models").absolute())]
    check([*words, *environment.values()])
    plan = Schedule(name, hour, minute, tuple(words), environment, "/")
    timer, service = f"{plan.unit}.timer", f"{plan.unit}.service"
    Console().result(
        f"# for crontab -e\n{plan.crontab()}\n\n"
        f"# or for systemd: /etc/systemd/system/{service}\n{plan.service()}\n"
        f"# and /etc/systemd/system/{timer}; then: systemctl enable --now {timer}\n"
        f"{plan.timer().rstrip()}",
        as_it_is=True,
    )


def _program() -> list[str]:
    """Return how this very program is started, whatever PATH will be."""
    beside = Path(sys.executable).parent / "textclf"
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "textclf"]


def _names(options: tuple[str, ...]) -> set[str]:
    return {option.partition("=")[0] for option in options if option.startswith("--")}


def _absolute(options: tuple[str, ...]) -> list[str]:
    """Return the options with absolute paths, having checked that train takes them."""
    from .train import train

    try:
        with train.make_context("textclf train", list(options), resilient_parsing=False) as context:
            _check_dataset(context.params)
            _check_settings(context.params)
            _warn_of_missing(context.params)
    except click.exceptions.Exit as error:  # --help among them
        raise UsageError("give options for training", remedy="see 'textclf train -h'") from error
    words: list[str] = []
    takes = ""  # the option that the next word is the value of
    for option in options:
        name, equals, value = option.partition("=")
        if takes:
            words.append(_path(takes, option))
        elif name in _PATHS and equals:
            words.append(f"{name}={_path(name, value)}")
        else:
            words.append(option)
        takes = option if not takes and option in _PATHS else ""
    return words


def _check_dataset(parameters: Mapping[str, Any]) -> None:
    from textclf.datasets import find

    dataset, files = parameters["dataset"], parameters["train_files"]
    if dataset and files:
        raise UsageError("--dataset and --train-file exclude each other")
    if dataset or (parameters["config"] and not files):
        find(dataset or parameters["config"])


def _check_settings(parameters: Mapping[str, Any]) -> None:
    from textclf.runs import RunStore

    if (name := parameters["name"]) is not None:
        RunStore(Path("models"), name)
    config = parameters["config"]
    own = [(str(config), settings_of(read_toml(config)))] if config else []
    resolve(own, parameters["overrides"])


def _warn_of_missing(parameters: Mapping[str, Any]) -> None:
    """Warn of files that are not there, which a job may make before; a typo is told so too."""
    for part in ("train_files", "validation_files", "test_files"):
        for name in parameters[part]:
            if name != "-" and not is_there(str(Path(name).expanduser())):
                Console().say(f"{name}: is not there yet: the job fails without it", "warning")


def _path(option: str, text: str) -> str:
    from textclf.datasets import is_file

    if option == "--dataset" and not is_file(text):
        return text
    if text == "-":
        raise UsageError("cron has no standard input", remedy="name a file instead of -")
    return _absolute_path(text)


def _absolute_path(text: str) -> str:
    return str(Path(text).expanduser().absolute())


def _name(options: tuple[str, ...]) -> str:
    """Return a name for the units: the model's, the dataset's or the file's."""
    for wanted in ("--name", "--dataset", "--train-file", "--config"):
        for i, option in enumerate(options):
            name, equals, value = option.partition("=")
            if name == wanted:
                found = value if equals else (options[i + 1] if i + 1 < len(options) else "")
                if wanted == "--train-file":
                    return name_by(found)
                stem = found if wanted == "--name" else Path(found).name.split(".")[0]
                return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_-") or "model"
    raise UsageError("there is nothing to train on", remedy="give --dataset or --train-file")
