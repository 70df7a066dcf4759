"""How far each stage of a command is, drawn as bars on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Column

from textclf.progress import Progress

from .streams import Stderr

_BESIDE_BAR = 32  # columns, of a stage's name and time and what is between


class Bars:
    """A bar a stage, from now on until they are ended."""

    def __init__(self) -> None:
        self._console = Console(file=cast(TextIO, Stderr()))
        self._rich = RichProgress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=_bar_width(self._console.width)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            redirect_stdout=False,  # results are no lines above the bars
        )
        self._tasks: dict[str, TaskID] = {}
        self._stage = ""
        self._rich.start()

    def draw(self, name: str, progress: Progress) -> None:
        """Show how far a stage is; one begins when the one before it has ended.

        Args:
            name: What people call the stage.
            progress: How far it is.
        """
        if progress.stage != self._stage:
            self._finish()
            self._stage = progress.stage
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._rich.add_task(name, total=None, figures="")
        width = self._console.width
        room = width - _bar_width(width) - _BESIDE_BAR - 2 * len(str(progress.total or "0000"))
        self._rich.update(
            self._tasks[progress.stage], completed=progress.done, total=progress.total,
            figures=fitting(progress.figures, room),
        )  # fmt: skip

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False)

    def end(self, *, failed: bool) -> None:
        """Leave the bars as they are; the last one as finished, unless it failed."""
        if not failed:
            self._finish()
        self._rich.stop()

    def _finish(self) -> None:
        if (task := self._tasks.get(self._stage)) is not None:
            done = self._rich.tasks[task].completed
            self._rich.update(task, total=done, completed=done, figures="")


def _bar_width(width: int) -> int:
    return max(4, min(28, width - 76))


def fitting(figures: Mapping[str, float], room: int) -> str:
    """Return as many figures as `room` columns hold: the epoch, those of the validation first."""

    def place(name: str) -> tuple[bool, bool]:
        return name != "epoch", not name.startswith("val_")

    shown = ""
    for name in sorted(figures, key=place):
        more = f"{shown}  {name} {figures[name]:.4g}".strip()
        shown = more if len(more) <= room else shown
    return shown
