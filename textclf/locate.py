"""Finds the run that a user means."""

from __future__ import annotations

from pathlib import Path

from textclf.errors import DataError, TextclfError
from textclf.reading import reading
from textclf.runs import CURRENT, find_store


def locate(run: str, models_dir: Path) -> Path:
    """Return the folder of a run, links followed.

    Args:
        run: The folder of a run or of its model; or a model's name, its published run being
            meant; or NAME/RUN_ID, where the start of the id is enough.
        models_dir: Where all models lie.

    Raises:
        DataError: If a folder is no run's, or cannot be read.
        UsageError: If there is no such run, or more than one.
    """
    path = Path(run)
    with reading(path):
        for folder in (path, path.parent if path.name == "model" else path / CURRENT):
            if (folder / "metrics.json").is_file():
                return folder.resolve()
    name, _, run_id = run.rstrip("/").partition("/")
    try:
        return find_store(models_dir, name).find(run_id or CURRENT).folder.resolve()
    except TextclfError as error:
        if not path.exists():
            raise
        raise DataError(
            "is not a run",
            where=run,
            remedy="name a model, such as ag_news, or a run's folder, such as NAME/current",
        ) from error
