"""What a command is to write must not be what it reads, a model's own, or written twice."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from textclf.errors import TextclfError, UsageError

# Parameters of all commands, as click knows them.
_OUTPUTS = ("rejects", "metrics_file", "log_file", "output")
_MODEL = ("manifest.json", "model.json", "model.safetensors")
_RUN = ("metrics.json", "config.toml", "history.csv", "report.json", "README.md")
_INPUTS = ("train_files", "validation_files", "test_files", "files", "file", "data")


def check_outputs(parameters: Mapping[str, Any]) -> None:
    """Refuse to write where something would be lost; call before anything is opened.

    Args:
        parameters: The command's, by name; see `click.Context.params`.

    Raises:
        UsageError: If an output is an input under whatever name, a part of a model, or another
            output.
    """
    outputs = {name: parameters.get(name) for name in _OUTPUTS}
    written = {name: _identity(path) for name, path in outputs.items() if path not in (None, "-")}
    if not written:
        return
    _check_distinct(outputs)
    for name, output in outputs.items():
        if written.get(name) is not None and _of_model(Path(str(output))):
            raise UsageError(
                f"--{name.replace('_', '-')} would overwrite a part of a model",
                where=str(output),
                remedy="name another file",
            )
    for file in _inputs(parameters):
        identity = _identity(0 if file == "-" else file)
        for name, other in written.items():
            if identity is not None and identity == other:
                raise UsageError(
                    f"--{name.replace('_', '-')} would overwrite an input, {file}",
                    where=str(outputs[name]),
                    remedy="name another file",
                )


def _identity(file: str | Path | int) -> tuple[int, int] | None:
    """Return what all names of a file have in common; None for what is no file."""
    try:
        status = os.stat(file)  # noqa: PTH116 - takes descriptors
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _check_distinct(outputs: Mapping[str, Any]) -> None:
    """Raise a UsageError if two outputs are one file."""
    seen: dict[Path, str] = {}
    for name, output in outputs.items():
        if output in (None, "-") or Path(output).is_char_device():
            continue
        other = seen.setdefault(_real(output), name)
        if other != name:
            options = " and ".join(f"--{n.replace('_', '-')}" for n in (other, name))
            raise UsageError(f"{options} name one file", where=str(output), remedy="name two")


def _real(file: str | Path) -> Path:
    """Return where links lead to; in a circle of them, somewhere."""
    return Path(os.path.realpath(file))


def _of_model(file: Path) -> bool:
    """Return whether a file that exists is one that a model or its run consists of."""
    file = _real(file)
    return any(
        file.name in names and (file.parent / names[0]).is_file() for names in (_MODEL, _RUN)
    )


def _inputs(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the inputs; what cannot be found, the command will complain about."""
    from textclf.corpus.files import expand_files

    for name in _INPUTS:
        given = parameters.get(name) or ()
        for pattern in (given,) if isinstance(given, str) else given:
            with suppress(TextclfError):
                yield from expand_files((pattern,))
    if parameters.get("config"):
        yield str(parameters["config"])
    dataset = parameters.get("dataset") or (
        not parameters.get("train_files") and parameters.get("config")
    )
    if dataset:
        from textclf.datasets import find, locate

        with suppress(TextclfError):
            described = find(dataset)
            yield described.source
            found = locate(described, parameters.get("data_dir"))
            parts = (found.train, found.validation, found.test) if found else ()
            yield from (str(path) for path in parts if path is not None)
