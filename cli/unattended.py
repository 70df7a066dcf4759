"""Options of jobs that nobody watches: gates, limits, housekeeping, metrics for machines."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from textclf.errors import UsageError

from .options import PATH

if TYPE_CHECKING:
    from textclf.pipeline import Policy
    from textclf.runs import Run

R = TypeVar("R")


class _Share(click.FloatRange):
    """A number from 0 to 1; click lets one that is not a number pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is no number from 0 to 1.", param, ctx)
        return number


_SHARE = _Share(0.0, 1.0)


def seconds(text: str) -> float:
    """Return a duration such as 90, 90s, 30m, 2h or 1d in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip(), re.ASCII)
    if not match:
        raise UsageError(f"{text!r} is no duration", remedy="write it like 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def bytes_of(text: str) -> int:
    """Return a size such as 500M, 2G or 800MiB in bytes; k, M and G are powers of 1024."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)(?:i?B)?", text.strip(), re.ASCII)
    size = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0.0
    if size < 1 << 20:
        raise UsageError(f"{text!r} is no size of 1M or more", remedy="write it like 500M or 2G")
    return int(size)


@dataclass(frozen=True)
class Unattended:
    """What the options say; see their help."""

    min_accuracy: float | None = None
    min_macro_f1: float | None = None
    max_drop: float | None = None
    if_changed: bool = False
    keep: int | None = None
    resume: bool = True
    time_limit: float = 0.0
    memory_limit: int = 0
    metrics_file: Path | None = None
    warm_start: bool = False

    def policy(self, run_id: str, done: Callable[[], Run | None]) -> Policy:
        """Return it as the library wants it; for `done` see there."""
        from textclf.gates import Gates
        from textclf.pipeline import Policy

        gates = Gates(self.min_accuracy, self.min_macro_f1, self.max_drop)
        return Policy(gates, self.keep, self.resume, self.time_limit, run_id, self.warm_start, done)

    def overrides(self) -> list[str]:
        """Return the settings that the options change."""
        if not self.memory_limit:
            return []
        return [f"ngrams.count_memory_mb={max(1, self.memory_limit >> 20)}"]


def unattended_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options, and pass the command what they say as `unattended`."""

    @click.option("--min-accuracy", type=_SHARE, help="Publish only a model of this accuracy.")
    @click.option("--min-macro-f1", type=_SHARE, help="Publish only a model of this macro F1.")
    @click.option(
        "--max-drop", type=_SHARE,
        help="Publish only a model whose accuracy is at most so far below the published one's.",
    )  # fmt: skip
    @click.option(
        "--if-changed", is_flag=True,
        help="Do nothing if data and settings are those of the published model.",
    )  # fmt: skip
    @click.option(
        "--warm-start", is_flag=True,
        help="Keep the published model's n-grams and train on from its weights, if there is one.",
    )  # fmt: skip
    @click.option("--keep", type=click.IntRange(1), help="Remove all but so many runs in the end.")
    @click.option(
        "--resume/--no-resume", default=True,
        help="Whether to go on where the same job was stopped or killed.  [default: resume]",
    )  # fmt: skip
    @click.option(
        "--time-limit", type=seconds, metavar="DURATION",
        help="Stop training then, with the best weights so far.",
    )  # fmt: skip
    @click.option(
        "--memory-limit", type=bytes_of, metavar="SIZE",
        help="For counting n-grams, such as 500M.",
    )  # fmt: skip
    @click.option("--metrics-file", type=PATH, help="Figures as a Prometheus textfile.")
    @functools.wraps(command)
    def wrapped(*args: Any, time_limit: float | None, memory_limit: int | None, **kwargs: Any) -> R:
        own = {name: kwargs.pop(name) for name in _PLAIN}
        unattended = Unattended(**own, time_limit=time_limit or 0.0, memory_limit=memory_limit or 0)
        return command(*args, unattended=unattended, **kwargs)

    return wrapped


_PLAIN = (
    "min_accuracy", "min_macro_f1", "max_drop", "if_changed", "keep", "resume", "metrics_file",
    "warm_start",
)  # fmt: skip
