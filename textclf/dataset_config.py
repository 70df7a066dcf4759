"""The TOML file of a dataset, read and checked."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textclf.errors import ConfigError
from textclf.settings import Settings, read_toml

if TYPE_CHECKING:
    from textclf.datasets import Files

SPLITS = ("train", "validation", "test")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a dataset are laid out; None leaves it to the reader to find out.

    Attributes:
        header: Whether the first row names the columns.
        label_column: Name of the label's column, or its number from 1.
        text_columns: Names or numbers of the text columns; empty means all others.
    """

    header: bool | None = None
    label_column: str | int | None = None
    text_columns: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A published file.

    Attributes:
        file: Its name on disk, while it is downloaded and, unless it is unpacked, afterwards.
        size: Its size in bytes.
        sha256: Its checksum, in hexadecimal.
        urls: Where it is published, in the order to try.
        mirror_path: Where below TEXTCLF_MIRROR it is.
        unpack: Names of the files to take out of it, if it is an archive.
    """

    file: str
    size: int
    sha256: str
    urls: tuple[str, ...]
    mirror_path: str
    unpack: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A named dataset.

    Attributes:
        name: Its name, and that of its folder below the data folder.
        aliases: Other names.
        description: What the texts are, a sentence.
        task: What is predicted.
        classes: Names of the classes, as people read them.
        labels: The same classes as the files hold them, in the same order.
        rows: Number of rows of each split as published, by `train`, `validation` and `test`.
        licence: What its owners allow.
        homepage: Where it is described.
        layout: How its files are laid out.
        downloads: The published files.
        files: Paths of files that are somewhere else than in the data folder, by split.
        checksums: SHA-256 of the files as they lie in the folder, uncompressed, by name; those of
            downloads that are not unpacked need not be repeated.
        packaged: Whether the package itself holds the files.
        settings: Sections of the settings that this dataset changes.
        source: Path of the TOML file.
    """

    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    task: str = ""
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    licence: str = ""
    homepage: str = ""
    layout: Layout = field(default_factory=Layout)
    downloads: tuple[Download, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    packaged: bool = False
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = ""

    @property
    def class_names(self) -> dict[str, str]:
        """Names of the classes by the label that the files hold."""
        return dict(zip(self.labels, self.classes, strict=True))

    def locate(self, data_dir: str | Path | None = None) -> Files | None:
        """Return the files that are on this machine: see `textclf.datasets.locate`."""
        from textclf import datasets

        return datasets.locate(self, data_dir)


def read(path: Path) -> Dataset:
    """Read the TOML file of a dataset; a name that it does not give is that of the file.

    Raises:
        ConfigError: The file cannot be read, or a key or a value is not what it should be.
    """
    table = read_toml(path)
    sections = [each.name for each in dataclasses.fields(Settings)]
    reader = _Reader(path, "")
    reader.known(table, ("dataset", *sections))
    body = _Reader(path, "dataset.")
    entries = reader.value(table, "dataset", dict, {})
    body.known(entries, [each.name for each in dataclasses.fields(Dataset)][:-2])
    return _dataset(body, entries, {name: table[name] for name in sections if name in table})


def _dataset(
    reader: _Reader, entries: dict[str, Any], settings: dict[str, dict[str, Any]]
) -> Dataset:
    path = reader.path
    name = reader.value(entries, "name", str, path.stem)
    reader.check(_NAME.fullmatch(name) is not None, "name", "is no name for a folder")
    classes = reader.strings(entries, "classes")
    numbers = tuple(str(number + 1) for number in range(len(classes)))
    labels = reader.strings(entries, "labels", numbers)
    reader.check(len(labels) == len(classes), "labels", "must be as many as classes")
    rows = reader.value(entries, "rows", dict, {})
    reader.known(rows, SPLITS, "rows.")
    files = reader.value(entries, "files", dict, {})
    reader.known(files, SPLITS, "files.")
    reader.check(not files or "train" in files, "files", "needs a file for train")
    checksums = reader.value(entries, "checksums", dict, {})
    right = all(_SHA256.fullmatch(str(value)) for value in checksums.values())
    reader.check(right, "checksums", "must hold 64 hexadecimal digits each")
    for section, table in settings.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{section} must be a section", where=str(path))
    return Dataset(
        name=name,
        aliases=reader.strings(entries, "aliases"),
        description=reader.value(entries, "description", str, ""),
        task=reader.value(entries, "task", str, ""),
        classes=classes,
        labels=labels,
        rows={
            split: reader.value(rows, split, int, 0, "rows.") for split in SPLITS if split in rows
        },
        licence=reader.value(entries, "licence", str, ""),
        homepage=reader.value(entries, "homepage", str, ""),
        layout=_layout(path, reader.value(entries, "layout", dict, {})),
        downloads=_downloads(path, reader.value(entries, "downloads", list, [])),
        files={
            split: path.parent / Path(reader.value(files, split, str, "", "files.")).expanduser()
            for split in files
        },
        checksums=checksums,
        packaged=reader.value(entries, "packaged", bool, False),
        settings=settings,
        source=str(path),
    )


def _layout(path: Path, entries: dict[str, Any]) -> Layout:
    reader = _Reader(path, "dataset.layout.")
    reader.known(entries, [each.name for each in dataclasses.fields(Layout)])
    columns = [entries["label_column"]] if "label_column" in entries else []
    texts = reader.value(entries, "text_columns", list, [])
    for column in columns + texts:
        right = isinstance(column, str) or (type(column) is int and column >= 1)
        reader.check(
            right,
            "label_column" if column in columns else "text_columns",
            "must name columns, or number them from 1",
        )
    return Layout(
        header=reader.value(entries, "header", bool, None),
        label_column=entries.get("label_column"),
        text_columns=tuple(texts),
    )


def _downloads(path: Path, tables: list[Any]) -> tuple[Download, ...]:
    reader = _Reader(path, "dataset.downloads.")
    downloads = []
    for table in tables:
        if not isinstance(table, dict):
            raise ConfigError(
                "dataset.downloads must be sections [[dataset.downloads]]", where=str(path)
            )
        reader.known(table, ("file", "bytes", "sha256", "urls", "mirror_path", "unpack"))
        file = reader.value(table, "file", str)
        sha256 = reader.value(table, "sha256", str).lower()
        urls = reader.strings(table, "urls")
        unpack = reader.strings(table, "unpack")
        for plain in (file, *unpack):
            right = _NAME.fullmatch(plain) is not None
            reader.check(right, "file", f"and unpack take names without a folder, not {plain!r}")
        right = _SHA256.fullmatch(sha256) is not None
        reader.check(right, "sha256", "must be 64 hexadecimal digits")
        right = all(url.startswith(("https://", "http://")) for url in urls)
        reader.check(right and bool(urls), "urls", "must be addresses with https:// or http://")
        mirror_path = reader.value(table, "mirror_path", str, file)
        size = reader.value(table, "bytes", int)
        reader.check(size > 0, "bytes", "must be positive")
        downloads.append(Download(file, size, sha256, urls, mirror_path, unpack))
    return tuple(downloads)


_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes values out of one section; what is wrong becomes a ConfigError that says where."""

    path: Path
    prefix: str

    def value(
        self, table: dict[str, Any], key: str, kind: type, default: Any = _REQUIRED, inner: str = ""
    ) -> Any:
        value = table.get(key, default)
        if value is _REQUIRED:
            raise ConfigError(f"{self.prefix}{inner}{key} is missing", where=str(self.path))
        # bool is a subclass of int, and `rows = true` is a mistake
        if key in table and type(value) is not kind:
            expected = {
                str: "a string",
                int: "a whole number",
                bool: "true or false",
                list: "a list",
                dict: "a section",
            }[kind]
            self.check(False, inner + key, f"must be {expected}, not {value!r}")
        return value

    def strings(
        self, table: dict[str, Any], key: str, default: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        values = self.value(table, key, list, list(default))
        self.check(all(isinstance(value, str) for value in values), key, "must hold strings")
        return tuple(values)

    def known(self, table: dict[str, Any], keys: Iterable[str], inner: str = "") -> None:
        keys = list(keys)
        for key in table:
            if key not in keys:
                close = difflib.get_close_matches(key, keys, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(keys)}"
                what = f"there is no key {self.prefix}{inner}{key}"
                raise ConfigError(what, where=str(self.path), remedy=remedy)

    def check(self, right: bool, key: str, problem: str) -> None:
        if not right:
            raise ConfigError(f"{self.prefix}{key} {problem}", where=str(self.path))
