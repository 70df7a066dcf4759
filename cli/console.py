"""What the command says: results to stdout, all else to stderr, as fits who is reading."""

from __future__ import annotations

import functools
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from textclf.errors import Interrupted, OutputError, TextclfError
from textclf.escapes import encodable, json_line, printable
from textclf.progress import Progress
from textclf.writing import unwritable

from .options import PATH
from .outputs import check_outputs
from .signals import Watch
from .streams import abandon

if TYPE_CHECKING:
    from .bars import Bars

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_STAGES = {
    "inspect": "reading",
    "compile": "compiling (once)",
    "count": "counting n-grams",
    "score": "scoring n-grams",
    "vectorize": "vectorizing",
    "check": "reading test set",
    "train": "training",
    "evaluate": "testing",
    "sample": "drawing rows",
    "tune": "searching",
}
_LOG_BYTES, _LOG_FILES = 5 << 20, 3  # of a log file, and how many old ones stay
_LINE_EVERY = 10.0  # seconds between lines of progress where there is no terminal


class Console:
    """Progress and messages on stderr: bars on a terminal, timestamped lines elsewhere.

    Args:
        quiet: Say nothing.
        log_format: `text` or `json`, for the lines.
        log_file: Takes all lines, quiet or not; when it is large, it becomes log_file.1.

    Attributes:
        resumable: Whether the command, once stopped, can go on from there.
        run_id: The run that lines are marked with.

    Raises:
        OutputError: If the log file cannot be written.
    """

    def __init__(
        self, quiet: bool = False, log_format: str | None = None, log_file: Path | None = None
    ) -> None:
        self.quiet = quiet
        self._json = log_format == "json"
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bars_wanted = terminal and not quiet and log_format is None
        self._bars: Bars | None = None
        self._stage, self._said = "", 0.0
        self._watch = Watch(last_line=json_failure) if self._json else Watch()
        self.resumable = False
        self._level = logging.NOTSET
        self.run_id: str | None = None
        self._file = _log_file(log_file) if log_file is not None else None

    def __enter__(self) -> Console:
        logger = logging.getLogger("textclf")
        self._level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(_ToConsole(self))
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.stop()
        logger = logging.getLogger("textclf")
        for handler in [h for h in logger.handlers if isinstance(h, _ToConsole)]:
            logger.removeHandler(handler)
        logger.setLevel(self._level)
        if isinstance(error, TextclfError):
            self._to_file(self._line(str(error), "error", {"exit_code": error.exit_code}))
        elif error is not None and not isinstance(error, (SystemExit, BrokenPipeError)):
            self._to_file(self._line(f"{type(error).__name__}: {error}", "error", {}))
        if self._file is not None:
            self._file.close()
        self._end_bars(failed=error is not None)

    def should_stop(self) -> bool:
        """Return whether a signal asked the command to stop."""
        return self._watch.signal != 0

    @property
    def signal(self) -> int:
        """Number of the signal that asked the command to stop; 0: none did."""
        return self._watch.signal

    def check(self) -> None:
        """Raise Interrupted if a signal asked the command to stop."""
        if number := self._watch.signal:
            remedy = "the same command goes on from there, or begins anew" * self.resumable
            raise Interrupted(f"stopped by {signal.Signals(number).name}", number, remedy=remedy)

    def stop_at_once(self) -> None:
        """From now on the first signal stops the command wherever it is: nothing would be lost."""
        self._watch.idle, self.resumable = True, False
        self.check()

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items until a signal asks to stop, also while the next one is waited for."""
        source, before = iter(items), self._watch.idle
        while True:
            self._watch.idle = True  # before the look, lest a signal come between and be missed
            try:
                self.check()
                item = next(source)
            except StopIteration:
                return
            finally:
                self._watch.idle = before
            yield item

    def report(self, progress: Progress) -> None:
        """Show how far a stage is."""
        if progress.stage != "train":
            self.check()
        if self._bars_wanted:
            self._drawn().draw(_STAGES.get(progress.stage, progress.stage), progress)
            if self._file is None:
                return
        now = time.monotonic()
        fresh = progress.stage != self._stage
        if fresh or now - self._said >= _LINE_EVERY:
            self._stage, self._said = progress.stage, now
            message, figures = _STAGES.get(progress.stage, progress.stage), _figures(progress)
            if self._bars_wanted:
                self._to_file(self._line(message, "info", figures))
            else:
                self.say(message, **figures)

    def _drawn(self) -> Bars:
        """Return the bars, which begin with the first stage."""
        from .bars import Bars

        if self._bars is None:
            self._bars = Bars()
        return self._bars

    def _end_bars(self, *, failed: bool = False) -> None:
        if self._bars is not None:
            self._bars.end(failed=failed)
            self._bars = None

    def say(self, message: str, level: str = "info", **figures: Any) -> None:
        """Say one line."""
        line = self._line(message, level, figures)
        self._to_file(line)
        if self.quiet and level == "info":
            return
        if self._bars is not None:
            shown = printable(message)
            self._bars.say(f"{shown} {line.partition(shown)[2]}".strip())
        elif sys.stderr is not None:
            if self._bars_wanted:
                line = printable(message)
            try:
                click.echo(line, err=True)
            except OSError:  # its reader is gone, or its disk full: the job goes on without
                abandon(2)

    def _line(self, message: str, level: str, figures: Mapping[str, Any]) -> str:
        pairs = {**figures, **({"run": self.run_id} if self.run_id else {})}
        if self._json:
            return json_record(message, level, pairs)
        shown = " ".join(f"{key}={_short(value)}" for key, value in pairs.items())
        return printable(" ".join(f"{_now()} {level} {message} {shown}".split()))

    def _to_file(self, line: str) -> None:
        if self._file is not None:
            self._file.emit(logging.makeLogRecord({"msg": line}))

    def done(self, text: str) -> None:
        """Print what a command has done on stdout, unless nobody wants to know."""
        self._end_bars()
        if not self.quiet and sys.stdout is not None:
            self.result(text)

    def result(self, text: str, *, as_it_is: bool = False) -> None:
        """Print what a command was asked for on stdout, after the bars.

        Args:
            text: Its lines.
            as_it_is: Whether nothing in it is to be escaped: it has colours, or is a program's.
        """
        self._end_bars()
        _print(text if as_it_is else "\n".join(map(printable, text.split("\n"))))

    def json(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """Print a JSON value on stdout."""
        self._end_bars()
        _print(json_line(value))


def json_failure(message: str, code: int) -> str:
    """Return the last line of a command that fails, for `--log-format json`."""
    return json_record(message, "error", {"exit_code": code})


def json_record(message: str, level: str, figures: Mapping[str, Any]) -> str:
    """Return a line of `--log-format json`."""
    return json_line({"time": _now(), "level": level, "message": message, **figures})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print(text: str) -> None:
    if sys.stdout is None:  # closed as the command began
        raise OutputError("standard output is closed", remedy="open it: it is to have the answer")
    try:
        click.echo(encodable(text))
    except BrokenPipeError:  # its reader is gone, which undoes nothing
        abandon(1)


def _log_file(path: Path) -> logging.Handler:
    from logging.handlers import RotatingFileHandler

    class LogFile(RotatingFileHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            """Let a full disk stop no job: what is said on stderr is said there all the same."""

    try:
        return LogFile(
            path,
            maxBytes=_LOG_BYTES,
            backupCount=_LOG_FILES,
            encoding="utf-8",
            errors="backslashreplace",  # which in JSON is JSON's own way
        )
    except OSError as error:
        remedy = "give --log-file in a folder that you may write to"
        raise unwritable(path, error, remedy) from error


class _ToConsole(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.say(record.getMessage(), record.levelname.lower())


def _figures(progress: Progress) -> dict[str, Any]:
    total = {} if progress.total is None else {"total": progress.total}
    return {"done": progress.done, **total, **progress.figures}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def output_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add --quiet, --log-format, --log-file and --debug, and pass the command a `console`."""

    @click.option(
        "-q", "--quiet", is_flag=True, help="Say only what was asked for, and what is wrong."
    )
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        help="Lines on stderr for people or for machines; on a terminal, bars by default.",
    )
    @click.option(
        "--log-file",
        type=PATH,
        help="Write all lines to this file too; at 5 MB it is rotated, and 3 old ones stay.",
    )
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        quiet: bool,
        log_format: str | None,
        log_file: Path | None,
        debug: bool,
        **kwargs: Any,
    ) -> R:
        check_outputs(click.get_current_context().params)
        with Console(quiet, log_format, log_file) as console:
            try:
                return command(*args, console=console, **kwargs)
            except Interrupted:
                console.check()  # which says what signal it was
                raise

    return wrapped
