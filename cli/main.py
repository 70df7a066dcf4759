"""The `textclf` command: finds the subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import atexit
import importlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import Any, NoReturn

import click

import textclf
from textclf.errors import TextclfError, interruption
from textclf.escapes import printable

from .refusals import refused
from .streams import abandon, open_closed

# Subcommand -> what it does. Its module is imported only when it is called: help must be quick.
COMMANDS = {
    "inspect": "Look at a corpus before training on it.",
    "train": "Train a model and publish it.",
    "tune": "Search for better settings within a time budget.",
    "predict": "Label texts with a trained model.",
    "evaluate": "Measure a trained model on labelled rows.",
    "explain": "Say why a model says what it says.",
    "report": "Write the page of a run, or one that compares two.",
    "export": "Write a model in another program's format, or smaller.",
    "datasets": "List, describe, fetch and verify the named datasets.",
    "schedule": "Print a crontab line and systemd units that train every day.",
    "cache": "List and remove vectorized corpora that training kept.",
    "runs": "List, show, promote and prune the runs of a model.",
}

_SLOW_TO_END = {"tensorflow", "numba"}


class _ClosedPipe(Exception):
    """A BrokenPipeError under a name that click does not know: it would end with 1."""


@contextmanager
def _renamed() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _ClosedPipe from error


class _LazyGroup(click.Group):
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _renamed():  # --help is answered here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _renamed():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"textclf.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f". Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 usage, 65 bad data, 69 not fetched, 71 no memory, "
    "73 cannot write, 75 locked, 78 bad configuration, 80 below the quality gate, "
    "129/130/143 stopped by a signal.",
)
@click.version_option(textclf.__version__, prog_name="textclf")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train text classifiers on corpora that may be far larger than memory.

    Shortest way: textclf train --dataset sample
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    arguments = list(sys.argv[1:] if args is None else args)
    fail = partial(_fail, debug="--debug" in arguments, as_json=_wants_json(arguments))
    try:
        cli.main(arguments, prog_name="textclf", standalone_mode=False)
        _flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # a command that was given none of its own
        sys.exit(error.exit_code)
    except click.ClickException as error:
        fail(_with_hint(error), error.exit_code)
    except click.Abort:
        fail("stopped by SIGINT", 130)
    except TextclfError as error:
        fail(str(error), error.exit_code)
    except SystemError as error:
        stopped = interruption(error)
        if stopped is None:
            raise
        code = stopped.exit_code if isinstance(stopped, TextclfError) else 130
        fail(str(stopped) or "stopped by SIGINT", code)
    except (BrokenPipeError, _ClosedPipe):
        # Whoever read the output has closed it: `textclf predict ... | head` is no error.
        abandon(1)
        sys.exit(0)
    except (MemoryError, OSError) as error:
        found = refused(error)
        fail(str(found), found.exit_code)


def run() -> None:
    """Run the command as a process of its own."""
    # Blocks and shards are worked on by all cores already, and while a thread of OpenBLAS waits for
    # its next small product, it keeps a core busy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    open_closed()
    _buffer_output()
    code: str | int | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    leave(code)


def _buffer_output() -> None:
    """Undo PYTHONUNBUFFERED, with which a disk that gets full would cut output off unnoticed."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), sys.stdout.encoding, sys.stdout.errors, line_buffering=True
        )


def leave(code: str | int | None) -> NoReturn:
    """End the process.

    To take TensorFlow down in order takes a second, and numba a fifth: it leaves without.
    """
    if not (_SLOW_TO_END & sys.modules.keys() and isinstance(code, int)):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    os._exit(code)


def _with_hint(error: click.ClickException) -> str:
    """Return what click says, and where usage is told unless that says what was wrong."""
    message = error.format_message()
    told = isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)
    told = told or "--help" in message or "id you mean" in message
    if told or not isinstance(error, click.UsageError) or not error.ctx:
        return message
    stray = re.match(r"Got unexpected extra arguments? \(([^\s)]+)", message)
    if stray and any(option.name == "train_files" for option in error.ctx.command.params):
        option = "--train-file" if "." in stray[1] else "--dataset"
        return f"{message}; did you mean {option} {stray[1]}?"
    return f"{message.rstrip('.')}; see '{error.ctx.command_path} --help'"


def _flush() -> None:
    if sys.stdout is not None:  # None where the command was started with stdout closed
        sys.stdout.flush()


def _wants_json(arguments: Sequence[str]) -> bool:
    """Return whether lines on stderr are for machines; what is wrong may be another option."""
    return "--log-format=json" in arguments or ("--log-format", "json") in pairwise(arguments)


def _fail(message: str, code: int, *, debug: bool, as_json: bool) -> None:
    line = " ".join(message.split())
    try:
        if debug:
            import traceback

            traceback.print_exc()
        if as_json:
            from .console import json_failure

            shown = json_failure(line, code)
        else:
            shown = f"textclf: {printable(line)}"
        if sys.stderr is not None:  # for None, print takes stdout
            print(shown, file=sys.stderr)  # noqa: T201
    finally:
        _drop_unwritten()
        sys.exit(code)


def _drop_unwritten() -> None:
    """Have the end of the process not stumble again over output that cannot be written."""
    try:
        _flush()
    except (OSError, ValueError):
        with suppress(OSError):
            abandon(1)


if __name__ == "__main__":
    run()
