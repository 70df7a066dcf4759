"""Writes what a search found as settings that `textclf train --config` takes."""

from __future__ import annotations

import os
from pathlib import Path

from textclf.atomic import write_text
from textclf.errors import OutputError
from textclf.settings import as_table

from .search import Found

_REMEDY = "give --output with a file that you may write to"


def check_target(path: Path) -> None:
    """See that settings can be written, before they are searched for.

    Raises:
        OutputError: If they cannot.
    """
    folder = path.parent
    if path.is_dir():
        why = "it is a folder"
    elif not folder.is_dir():
        why = f"there is no folder {folder}"
    elif not os.access(folder, os.W_OK):
        why = f"{folder} may not be written to"
    else:
        return
    raise OutputError(f"cannot be written ({why})", where=str(path), remedy=_REMEDY)


def write_config(path: Path, found: Found) -> None:
    """Write all settings, lest a dataset's own take the place of some.

    Args:
        path: The file, which is replaced in one step; its folder is there.
        found: What the search found.

    Raises:
        OutputError: If it cannot be written.
    """
    import tomli_w

    write_text(path, _head(found) + tomli_w.dumps(as_table(found.settings)), _REMEDY)


def _head(found: Found) -> str:
    lines = ["Found by textclf tune."]
    if found.best:
        lines.append(f"Accuracy on {found.measured_on()}: {found.best['accuracy']:.4f}")
        if found.changes:
            lines[-1] += f", and {found.start['accuracy']:.4f} before"
            changed = (f"{name} = {value!r}" for name, value in found.changes.items())
            lines.append(f"Changed: {', '.join(changed)}")
        else:
            lines.append("No settings were clearly better than those that it started from.")
    else:
        lines.append("There was no time to measure any settings: these are those it started from.")
    return "".join(f"# {line}\n" for line in lines) + "\n"
