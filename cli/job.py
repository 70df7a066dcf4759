"""What to train on and how, as the command line says it."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from textclf.errors import UsageError
from textclf.settings import PRESETS, Settings, read_toml, resolve

from .console import Console
from .options import (
    FILE,
    PATH,
    corpus_format,
    data_dir_option,
    dataset_format,
    format_options,
    layout_words,
    refuse_beside_dataset,
)
from .tolerance import bad_row_options

if TYPE_CHECKING:
    from textclf.corpus.bad_rows import BadRows
    from textclf.job import TrainingFiles

R = TypeVar("R")

_Tables = list[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Job:
    """A model's name, its files and settings.

    Attributes:
        class_names: What people call the labels.
    """

    name: str
    files: TrainingFiles
    settings: Settings
    class_names: Mapping[str, str]

    @property
    def single_pass(self) -> bool:
        """Whether a file can be read only once: standard input or a pipe."""
        from textclf.corpus.streams import is_single_pass

        files = self.files
        return any(map(is_single_pass, (*files.train, *files.validation, *files.test)))


@dataclass(frozen=True)
class JobOptions:
    """What the options say; see their help."""

    dataset: str | None
    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]
    test_files: tuple[str, ...]
    name: str | None
    bad_rows: BadRows
    data_dir: Path | None
    config: Path | None
    preset: str | None
    overrides: tuple[str, ...]
    seed: int | None
    class_weight: str | None
    layout: Mapping[str, Any]

    def job(self, console: Console, overrides: Sequence[str] = ()) -> Job:
        """Find the files, which may mean to download them, and put the settings together.

        Args:
            console: Shows the progress of a download.
            overrides: More settings, as `section.key=value`.

        Raises:
            TextclfError: If there are none, or something is wrong with them.
        """
        if self.dataset and self.train_files:
            raise UsageError("--dataset and --train-file exclude each other")
        tables: _Tables = []
        if self.dataset or (self.config and not self.train_files):
            files, names = self._named(self.dataset or str(self.config), console, tables)
        elif self.train_files:
            files, names = self._own()
        else:
            raise self._nothing()
        if self.preset:
            tables.append((f"--preset {self.preset}", PRESETS[self.preset]))
        if self.config and (self.dataset or self.train_files):
            tables.append((str(self.config), settings_of(read_toml(self.config))))
        own = [f"training.seed={self.seed}"] if self.seed is not None else []
        own += [f"training.class_weight={self.class_weight}"] if self.class_weight else []
        settings = resolve(tables, [*self.overrides, *overrides, *own])
        return Job(self.model_name(), files, settings, names)

    def model_name(self) -> str:
        """Return the name of the model; no file is read but a dataset's own.

        Raises:
            TextclfError: If nothing says it, or the dataset is not known.
        """
        from textclf import datasets

        if self.name is not None:
            return self.name
        if not self.dataset and self.train_files:
            return name_by(self.train_files[0])
        if not (self.dataset or self.config):
            raise self._nothing()
        return datasets.find(self.dataset or str(self.config)).name

    @staticmethod
    def _nothing() -> UsageError:
        return UsageError(
            "there is nothing to train on",
            remedy="give --dataset NAME (see 'textclf datasets list') or --train-file FILE",
        )

    def _named(
        self, dataset: str, console: Console, tables: _Tables
    ) -> tuple[TrainingFiles, Mapping[str, str]]:
        from textclf import datasets
        from textclf.job import TrainingFiles

        refuse_beside_dataset([
            *("--validation-file" for _ in self.validation_files),
            *("--test-file" for _ in self.test_files),
            *layout_words(self.layout),
        ])  # fmt: skip
        found = datasets.find(dataset)
        tables.append((found.source, found.settings))
        files = datasets.fetch(found, self.data_dir, progress=console.report)
        return TrainingFiles(
            (str(files.train),),
            (str(files.validation),) if files.validation else (),
            (str(files.test),) if files.test else (),
            dataset_format(found, files.train),
            self.bad_rows,
        ), found.class_names  # fmt: skip

    def _own(self) -> tuple[TrainingFiles, Mapping[str, str]]:
        from textclf.job import TrainingFiles

        fmt = corpus_format(**self.layout)
        files = (self.train_files, self.validation_files, self.test_files)
        return TrainingFiles(*files, fmt, self.bad_rows), {}


def job_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options, and pass the command what they say as `options`."""

    @click.option("--dataset", help="A named dataset; see 'textclf datasets list'.")
    @click.option(
        "--train-file",
        "train_files",
        type=FILE,
        multiple=True,
        help="Labelled rows to train on: a file, a 'pattern*', or - for standard input; may be "
        "given several times, as the next two.",
    )
    @click.option(
        "--validation-file",
        "validation_files",
        type=FILE,
        multiple=True,
        help="For early stopping.  [default: rows held out of the training file]",
    )
    @click.option(
        "--test-file",
        "test_files",
        type=FILE,
        multiple=True,
        help="For the figures of the trained model.",
    )
    @click.option("--name", help="The model's name.  [default: the dataset's or the file's]")
    @format_options
    @bad_row_options
    @data_dir_option
    @click.option(
        "--config",
        type=PATH,
        help="A TOML file of settings, such as `textclf tune` writes, or of a dataset.",
    )
    @click.option("--preset", type=click.Choice(sorted(PRESETS)), help="Settings to start from.")
    @click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Change one setting; may be given several times.",
    )
    @click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same as training.seed.")
    @click.option(
        "--class-weight", type=click.Choice(["none", "balanced"]),
        help="Whether rare classes weigh as much as frequent ones.",
    )  # fmt: skip
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> R:
        own = {name: kwargs.pop(name) for name in _PLAIN}
        layout = {name: kwargs.pop(name) for name in _LAYOUT}
        return command(*args, options=JobOptions(**own, layout=layout), **kwargs)

    return wrapped


_PLAIN = tuple(f.name for f in dataclasses.fields(JobOptions) if f.name != "layout")
_LAYOUT = (
    "label_column", "text_columns", "header", "delimiter", "file_format", "encoding", "quotes"
)  # fmt: skip


def settings_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a TOML file has that are settings; that of a dataset has more."""
    return {k: v for k, v in table.items() if k not in ("data", "dataset")}


def name_by(file: str) -> str:
    """Return the name of a model that is trained on a file.

    Raises:
        UsageError: If nothing of the file's name can be in one.
    """
    stem = Path(file).name.split(".")[0] if file != "-" else "stdin"
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    if not name:
        raise UsageError(
            "a model cannot be named by this file: it takes letters a to z and digits",
            where=file,
            remedy="give --name",
        )
    return name
