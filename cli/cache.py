"""textclf cache."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from textclf.report.display import size

from .console import Console, output_options
from .figures import table
from .unattended import bytes_of

if TYPE_CHECKING:
    from textclf.cache import ShardCache
    from textclf.cache_entries import Entry

R = TypeVar("R")


def _limit(text: str) -> int:
    return 0 if text.strip() == "0" else bytes_of(text)


def cache_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add --no-cache and --cache-limit, and pass the command a `cache`, or None without one."""

    @click.option(
        "--no-cache",
        is_flag=True,
        help="Neither use nor keep vectorized rows; see 'textclf cache'.",
    )
    @click.option(
        "--cache-limit", type=_limit, metavar="SIZE", envvar="TEXTCLF_CACHE_LIMIT",
        help="Most vectorized rows to keep, such as 20G; 0: none.  [env: TEXTCLF_CACHE_LIMIT; "
        "default: 10G, or a quarter of the disk's room]",
    )  # fmt: skip
    @functools.wraps(command)
    def wrapped(*args: Any, no_cache: bool, cache_limit: int | None, **kwargs: Any) -> R:
        from textclf.cache import ShardCache

        cache = None if no_cache or cache_limit == 0 else ShardCache(limit=cache_limit)
        return command(*args, cache=cache, **kwargs)

    return wrapped


@click.group(
    short_help="List and remove vectorized corpora that training kept.", invoke_without_command=True
)
@click.pass_context
def cache(context: click.Context) -> None:
    """Look after what 'textclf train' keeps of corpora, for runs that train on them again.

    Without a command, it lists them.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_entries)


def _cache() -> ShardCache:
    from textclf.cache import ShardCache

    return ShardCache()


@cache.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@output_options
def list_entries(as_json: bool, console: Console) -> None:
    """List what is kept, the least recently used first."""
    kept = _cache()
    found = [_row(entry) for entry in kept.entries()]
    if as_json:
        console.json(found)
        return
    if not found:
        console.result(f"nothing in {kept.folder}")
        return
    rows = [
        [r["key"][:12], size(r["bytes"]), f"{r['rows'] or 0:,}", f"{r['features'] or 0:,}",
         r["used"] or "-", " ".join(r["files"]) or "not readable"]
        for r in found
    ]  # fmt: skip
    console.result(table(rows, ["key", "disk", "rows", "n-grams", "last used", "files"]))


def _row(entry: Entry) -> dict[str, Any]:
    known = entry.manifest
    used = datetime.fromtimestamp(entry.used, UTC) if entry.used else None
    return {
        "key": entry.key,
        "bytes": entry.size,
        "rows": sum((known.get("rows") or {}).values()) or None,
        "features": known.get("features"),
        "used": used and f"{used:%Y-%m-%dT%H:%M:%SZ}",
        "files": entry.sources,
    }


@cache.command("clear")
@click.argument("key", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_options
def clear(key: str | None, as_json: bool, console: Console) -> None:
    """Remove the entry KEY, or all; runs that train on one go on."""
    kept = _cache()
    found = [kept.find(key)] if key is not None else kept.entries()
    freed = sum(entry.size for entry in found)
    for entry in found:
        kept.remove(entry)
    if key is None:
        kept.remove_links()
    if as_json:
        console.json({"removed": [entry.key for entry in found], "bytes": freed})
    else:
        what = "entry" if len(found) == 1 else "entries"
        console.done(f"{len(found)} {what} removed, {size(freed)} freed")


@cache.command("path", short_help="Print the folder of the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_options
def path(as_json: bool, console: Console) -> None:
    """Print the folder: below TEXTCLF_CACHE_DIR, or the user's cache folder of the platform."""
    folder = os.fspath(_cache().folder)
    if as_json:
        console.json({"path": folder})
    else:
        console.result(folder)
