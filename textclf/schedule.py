"""Lines for cron and units for systemd that run a command every day; nothing is installed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textclf.errors import UsageError
from textclf.escapes import encodable


@dataclass(frozen=True)
class Schedule:
    """A command, and when it runs each day.

    Attributes:
        name: The model's name; units are named after it.
        hour: 0 to 23.
        minute: 0 to 59.
        command: The program, an absolute path, and its arguments.
        environment: Variables that it needs.
        folder: Where it runs, an absolute path.
    """

    name: str
    hour: int
    minute: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str

    @property
    def unit(self) -> str:
        """Name of the systemd units, without ending."""
        return f"textclf-{self.name}"

    def crontab(self) -> str:
        """Return a line for `crontab -e`."""
        variables = [f"{k}={shlex.quote(v)}" for k, v in self.environment.items()]
        words = [*variables, *map(shlex.quote, self.command)]
        line = f"cd {shlex.quote(self.folder)} && {' '.join(words)} </dev/null"
        # A % would end the command: cron takes it for a new line, unless escaped.
        return f"{self.minute} {self.hour} * * * " + line.replace("%", r"\%")

    def service(self) -> str:
        """Return the systemd service."""
        lines = [
            "[Unit]",
            f"Description=Train the textclf model {self.name}",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={_path(self.folder)}",
            *(f"Environment={_word(f'{k}={v}')}" for k, v in self.environment.items()),
            f"ExecStart={' '.join(_word(w, command=True) for w in self.command)}",
            "Nice=10",
            "# SIGTERM ends it with a checkpoint, from which the next start goes on.",
            "SuccessExitStatus=143",
            "TimeoutStopSec=5min",
        ]
        return "\n".join(lines) + "\n"

    def timer(self) -> str:
        """Return the systemd timer."""
        lines = [
            "[Unit]",
            f"Description=Train the textclf model {self.name} every day",
            "",
            "[Timer]",
            f"OnCalendar=*-*-* {self.hour:02d}:{self.minute:02d}:00",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
        ]
        return "\n".join(lines) + "\n"


def time_of_day(text: str) -> tuple[int, int]:
    """Return hour and minute of a time such as 03:30.

    Raises:
        UsageError: If it is none.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip(), re.ASCII)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise UsageError(f"{text!r} is no time of day", remedy="write it like 03:30")
    return int(match[1]), int(match[2])


def check(words: Sequence[str]) -> None:
    """Refuse what neither cron nor systemd can hold in one line.

    Raises:
        UsageError: If a word has a control character, or is not UTF-8.
    """
    for word in words:
        if word != encodable(word):
            raise UsageError(f"{word!r} is not UTF-8", remedy="rename it")
        if any(ord(c) < 32 or ord(c) == 127 for c in word):
            raise UsageError(f"{word!r} has a control character", remedy="rename it")


def _word(text: str, *, command: bool = False) -> str:
    """Quote a word for a unit file, where % and, in commands, $ and ; have meanings."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if command:
        text = text.replace("$", "$$")
    return text if re.fullmatch(r"[\w@%+=:,./$-]+", text, re.ASCII) else f'"{text}"'


def _path(text: str) -> str:
    return text.replace("%", "%%")  # the rest of the line is the path, quotes and all
