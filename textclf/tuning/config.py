"""Writes what a search found as settings that `textclf train --config` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textclf.atomic import write_text
from textclf.errors import OutputError
from textclf.settings import Settings

from .search import Found
from .space import flat


def write_config(path: Path, found: Found, start: Settings) -> None:
    """Write the settings that are not the defaults, and those that the search changed.

    Args:
        path: The file, which is replaced in one step.
        found: What the search found.
        start: Where it started.

    Raises:
        OutputError: If it cannot be written.
    """
    import tomli_w

    remedy = "give --output with a file that you may write to"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror})", where=str(path), remedy=remedy
        ) from error
    before, defaults, table = flat(start), flat(Settings()), dict[str, dict[str, Any]]()
    for name, value in flat(found.settings).items():
        if value != before[name] or value != defaults[name]:
            section, _, key = name.partition(".")
            table.setdefault(section, {})[key] = value
    write_text(path, _head(found) + tomli_w.dumps(table), remedy)


def _head(found: Found) -> str:
    lines = ["Found by textclf tune."]
    if found.best:
        lines.append(f"Accuracy on {found.rows:,} held-out rows: {found.best['accuracy']:.4f}")
        if found.changes:
            lines[-1] += f", and {found.start['accuracy']:.4f} before"
        else:
            lines.append("No settings were clearly better than those that it started from.")
    else:
        lines.append("There was no time to measure any settings: these are those it started from.")
    return "".join(f"# {line}\n" for line in lines) + "\n"
