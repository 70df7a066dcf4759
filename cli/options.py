"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from textclf.errors import DataError, TextclfError, UsageError

if TYPE_CHECKING:
    from textclf.corpus.layout import Columns
    from textclf.corpus.reader import CorpusFormat
    from textclf.dataset_config import Dataset

C = TypeVar("C", bound=Callable[..., object])

PATH = click.Path(path_type=Path, readable=False)  # who reads it, says what is wrong
FILE = click.Path(readable=False)  # or a pattern, or - for standard input


class _Model(click.Path):
    """A model's folder, its run's, or the name of one of TEXTCLF_MODELS_DIR's."""

    name = "model"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the folder; of a name that is none, as it is."""
        path = Path(value)
        if not path.exists():
            from textclf.locate import locate
            from textclf.runs import default_models_dir

            with suppress(TextclfError):
                return locate(value, default_models_dir())
        return path


class _Texts(click.Path):
    """A file of texts, or a pattern, or - for standard input; a text itself is none of them."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is.

        Raises:
            DataError: If it can only be meant as a text.
        """
        if len(value.split()) > 1 and not is_there(value):
            command = ctx.info_name if ctx is not None else "predict"
            raise DataError(
                "no such file",
                where=value,
                remedy="check the path, or give a text on standard input: "
                f"echo TEXT | textclf {command} MODEL -",
            )
        return str(value)


def is_there(pattern: str) -> bool:
    """Return whether there is such a file, or one that a pattern matches."""
    from textclf.corpus.files import exists, expand_files

    try:
        return any(map(exists, expand_files((pattern,))))
    except DataError:
        return False


MODEL = _Model(readable=False)
TEXTS = _Texts(readable=False)


def models_dir_option(command: C) -> C:
    """Add --models-dir."""
    return click.option(
        "--models-dir",
        type=PATH,
        envvar="TEXTCLF_MODELS_DIR",
        default=Path("models"),
        show_default=True,
        help="Where runs go.  [env: TEXTCLF_MODELS_DIR]",
    )(command)


def data_dir_option(command: C) -> C:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=PATH,
        envvar="TEXTCLF_DATA_DIR",
        help="Where NAME/train.csv and NAME/test.csv are looked for, and downloads go.  "
        "[env: TEXTCLF_DATA_DIR]",
    )(command)


def format_options(command: C) -> C:
    """Add the options that say how files are laid out."""
    options = [
        click.option("--label-column", help="Name of the label's column, or its number from 1."),
        click.option(
            "--text-column",
            "text_columns",
            multiple=True,
            help="Name or number of a text column; may be given several times.",
        ),
        click.option("--header/--no-header", default=None, help="Whether row 1 names the columns."),
        click.option("--delimiter", help="What separates columns, such as ',' or '\\t'."),
        click.option(
            "--quotes/--no-quotes",
            default=None,
            help="Whether cells may be quoted.  [default: unless a TSV looks otherwise]",
        ),
        click.option(
            "--format",
            "file_format",
            type=click.Choice(["csv", "tsv", "jsonl", "parquet", "fasttext", "lines"]),
            help="Format of the files; by default told from names and contents.",
        ),
        click.option("--encoding", help="Encoding of the files.  [default: utf-8]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def corpus_format(
    label_column: str | None,
    text_columns: tuple[str, ...],
    header: bool | None,
    delimiter: str | None,
    file_format: str | None,
    encoding: str | None,
    quotes: bool | None = None,
    has_labels: bool = True,
    extra_columns: tuple[str, ...] = (),
    trained: Columns | None = None,
) -> CorpusFormat:
    """Return what the options of `format_options` say, and which columns a model knows."""
    from textclf.corpus.reader import CorpusFormat

    return CorpusFormat(
        format=file_format,  # type: ignore[arg-type]
        delimiter="\t" if delimiter == "\\t" else delimiter,
        header=header,
        encoding=encoding,
        label_column=column(label_column) if label_column is not None else None,
        text_columns=tuple(column(c) for c in text_columns),
        has_labels=has_labels,
        extra_columns=tuple(column(c) for c in extra_columns),
        trained=trained,
        quotes=quotes,
    )


def layout_words(layout: Mapping[str, Any]) -> list[str]:
    """Return the options of `format_options` that were given, as the words of a command."""
    named = {"label_column": "--label-column", "delimiter": "--delimiter",
             "file_format": "--format", "encoding": "--encoding"}  # fmt: skip
    given = [("--text-column", column) for column in layout["text_columns"]]
    given += [(name, layout[key]) for key, name in named.items() if layout[key] is not None]
    words = [word for pair in given for word in pair]
    for name in ("header", "quotes"):
        if layout[name] is not None:
            words.append(f"--{name}" if layout[name] else f"--no-{name}")
    return words


def refuse_beside_dataset(words: Sequence[str]) -> None:
    """Raise a UsageError if options were given that a named dataset has its own for.

    Args:
        words: Those that were given, as the words of a command.
    """
    if words:
        raise UsageError(
            f"a named dataset has its own files and layout: {words[0]} is not for it",
            remedy="name the files with --train-file" if "file" in words[0] else "leave it out",
        )


def is_table(file: str, layout: Mapping[str, Any]) -> bool:
    """Return whether texts without labels come in a table: by the options, or its name says so.

    Other files, and standard input, hold a text a line.
    """
    from textclf.corpus.detect import EXTENSIONS, extension
    from textclf.corpus.files import expand_files

    described = any(value is not None and value != () for value in layout.values())
    files: tuple[str, ...] = (file,)
    with suppress(DataError):  # told when they are read
        files = expand_files(files)
    return described or any(extension(name) in (*EXTENSIONS, ".json") for name in files)


def dataset_format(dataset: Dataset, file: Path) -> CorpusFormat:
    """Return how a file of a named dataset is laid out.

    The dataset tells the layout of the published CSV; a file of another format says its own.
    """
    from textclf.corpus.reader import CorpusFormat

    if not any(ending in (".csv", ".tsv") for ending in file.suffixes):
        return CorpusFormat()
    layout = dataset.layout
    return CorpusFormat(
        header=layout.header, label_column=layout.label_column, text_columns=layout.text_columns
    )


def column(text: str) -> str | int:
    """Return a column as it is given: its name, or its number."""
    return int(text) if text.isdecimal() else text
