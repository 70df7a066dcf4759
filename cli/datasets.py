"""textclf datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import FetchError
from textclf.report.display import size

from .console import Console, output_options
from .figures import table
from .options import data_dir_option

if TYPE_CHECKING:
    from textclf.dataset_config import Dataset
    from textclf.datasets import Files
    from textclf.verification import Check

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(short_help="List, describe, fetch and verify the named datasets.")
def datasets() -> None:
    """Look after the named datasets.

    A file NAME.toml in the user's configuration folder (TEXTCLF_CONFIG_DIR) adds one of your own;
    wherever a NAME is asked for, the path of such a file will do as well.
    """


@datasets.command("list")
@data_dir_option
@json_option
@output_options
def list_datasets(data_dir: Path | None, as_json: bool, console: Console) -> None:
    """List the datasets and whether their files are on this machine."""
    from textclf.datasets import everything

    found = [_summary(dataset, _located(dataset, data_dir)) for dataset in everything()]
    if as_json:
        console.json({"datasets": found})
        return
    rows = [
        [
            " = ".join([each["name"], *each["aliases"]]),
            str(len(each["classes"]) or "?"),
            _count(each["rows"].get("train")),
            _count(each["rows"].get("test")),
            size(each["download_bytes"]) if each["download_bytes"] else "-",
            "yes" if each["files"] else "no",
            each["task"],
        ]
        for each in found
    ]
    header = ["name", "classes", "train rows", "test rows", "download", "here", "task"]
    console.result(table(rows, header))


@datasets.command(short_help="Tell what a dataset is, and where it and its files are.")
@click.argument("name")
@data_dir_option
@json_option
@output_options
def describe(name: str, data_dir: Path | None, as_json: bool, console: Console) -> None:
    """Tell what dataset NAME is, where it comes from and where its files are."""
    from textclf.datasets import find, folder

    dataset = find(name)
    summary = _summary(dataset, _located(dataset, data_dir)) | {
        "folder": str(folder(dataset, data_dir)),
        "urls": [url for source in dataset.downloads for url in source.urls],
        "settings": json.loads(json.dumps(dataset.settings, default=str)),  # TOML has dates
        "config": dataset.source,
    }
    if as_json:
        console.json(summary)
        return
    summary["classes"] = dataset.classes
    summary["rows"] = [f"{_count(count)} {split}" for split, count in dataset.rows.items()]
    here = summary.pop("files")
    download = summary.pop("download_bytes")
    summary["download"] = size(download) if download else "none"
    summary["files"] = list(here.values()) or "not on this machine"
    summary["settings"] = [
        f"{section}.{key} = {value}"
        for section, keys in dataset.settings.items()
        for key, value in keys.items()
    ]
    lines = [f"{key + ':':<13}{_shown(value)}" for key, value in summary.items() if value]
    console.result("\n".join(lines))


@datasets.command(short_help="Download a dataset, check it and unpack it.")
@click.argument("name")
@data_dir_option
@json_option
@output_options
def fetch(name: str, data_dir: Path | None, as_json: bool, console: Console) -> None:
    """Download dataset NAME, check it and unpack it, unless its files are here already."""
    from textclf.datasets import fetch, find

    dataset = find(name)
    console.resumable = True
    files = fetch(dataset, data_dir, progress=console.report)
    if as_json:
        console.json({"name": dataset.name, "files": _paths(files)})
        return
    for path in _paths(files).values():
        console.done(path)


@datasets.command(short_help="Check a dataset's files against what was fetched or published.")
@click.argument("name")
@data_dir_option
@json_option
@output_options
def verify(name: str, data_dir: Path | None, as_json: bool, console: Console) -> None:
    """Check that the files of dataset NAME are what was fetched, or what is published.

    Exits with 69 if one of them is not, and with 65 if there are none.
    """
    from textclf.datasets import find, verify

    dataset = find(name)
    verified = verify(dataset, data_dir, progress=console.report)
    if as_json:
        files = [_checked(check) for check in verified.checks]
        console.json({"name": dataset.name, "ok": verified.ok, "files": files})
    else:
        for check in verified.checks:
            console.done(f"{check.path}: {check.status}: {check.note}")
    if not verified.ok:
        wrong = [check for check in verified.checks if check.status in ("differs", "missing")]
        raise FetchError(
            wrong[0].note,
            where=str(wrong[0].path),
            remedy=f"remove it and run `textclf datasets fetch {dataset.name}`"
            if dataset.downloads
            else "it has no downloads: put the right file there",
        )


def _located(dataset: Dataset, data_dir: Path | None) -> Files | None:
    from textclf.errors import DataError

    try:
        return dataset.locate(data_dir)
    except DataError:  # it names files that do not exist
        return None


def _summary(dataset: Dataset, files: Files | None) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "aliases": list(dataset.aliases),
        "task": dataset.task,
        "description": dataset.description,
        "classes": dataset.class_names,
        "rows": dict(dataset.rows),
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "download_bytes": sum(source.size for source in dataset.downloads),
        "files": _paths(files) if files else {},
    }


def _paths(files: Files) -> dict[str, str]:
    splits = {"train": files.train, "validation": files.validation, "test": files.test}
    return {split: str(path) for split, path in splits.items() if path is not None}


def _checked(check: Check) -> dict[str, Any]:
    held = check.tally
    return {
        "file": str(check.path),
        "status": check.status,
        "note": check.note,
        "bytes": held.bytes if held else None,
        "sha256": held.sha256 if held else None,
        "rows": held.rows if held else None,
    }


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
