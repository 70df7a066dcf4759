"""Fetches a dataset into the data folder, whole or not at all."""

from __future__ import annotations

import datetime
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textclf import datasets
from textclf.archives import unpack
from textclf.atomic import sync
from textclf.dataset_config import Dataset, Download
from textclf.errors import FetchError, OutputError
from textclf.progress import Progress, Report, silent
from textclf.verification import MANIFEST, other_rows, plain_name, tally

logger = logging.getLogger(__name__)

# Text in gzip grows to about three times its size; ten times is not what was published.
USUAL_EXPANSION = 3
MAX_EXPANSION = 10
SMALLEST_LIMIT = 64 << 20  # bytes
_STAGED = "staged"


def fetch(
    dataset: Dataset,
    folder: Path,
    *,
    report: Report = silent,
    sleep: Callable[[float], None] = time.sleep,
    timeout: float = 30.0,
) -> None:
    """Download, check and unpack the files of a dataset; `folder` appears when all is done.

    What is incomplete lies in `.fetch/NAME` beside the folder, or inside of one that is a disk of
    its own, where the next call finds it. Of two processes that fetch at once one waits, and finds
    the work done.

    Args:
        dataset: What to fetch.
        folder: The dataset's own folder.
        report: Told how far downloading, unpacking and checking are.
        sleep: Waits for a number of seconds between two tries.
        timeout: Seconds without a byte after which a connection counts as broken.

    Raises:
        FetchError: It could not be fetched, or is not what it should be.
        OutputError: The folder cannot be written, or has no room.
    """
    by_hand = f"put train.csv and test.csv into {folder}, or set TEXTCLF_MIRROR"
    if not dataset.downloads:
        raise FetchError("has no addresses to fetch it from", where=dataset.name, remedy=by_hand)
    if folder.is_symlink():  # to another disk maybe, where what is renamed must lie
        folder = folder.resolve()
    try:
        work = _disk(folder) / ".fetch" / dataset.name
        work.parent.mkdir(parents=True, exist_ok=True)
        with _lock(work.with_name(f"{work.name}.lock"), report):
            if datasets.files_in(folder) is not None:
                return  # by the process that held the lock
            work.mkdir(exist_ok=True)
            _check_room(dataset, work)
            _download(dataset, work, report, sleep, timeout)
            staged = _stage(dataset, work, report)
            _publish(staged, folder)
            shutil.rmtree(work)
    except FetchError as error:
        raise FetchError(error.what, where=error.where, remedy=error.remedy or by_hand) from None
    except OSError as error:
        where = str(error.filename or folder)
        raise OutputError(f"cannot be written: {error.strerror or error}", where=where) from None


def _disk(folder: Path) -> Path:
    """Return where what is to be renamed to the folder, or into it, must lie."""
    own = folder.exists() and folder.stat().st_dev != folder.parent.stat().st_dev
    return folder if own else folder.parent


def addresses(source: Download) -> list[str]:
    """Return where to look for a file: below TEXTCLF_MIRROR if that is set, else its own URLs."""
    bases = os.environ.get("TEXTCLF_MIRROR", "").split()
    return [f"{base.rstrip('/')}/{source.mirror_path}" for base in bases] or list(source.urls)


@contextmanager
def _lock(path: Path, report: Report) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(path)
    while True:
        try:
            lock.acquire(timeout=1.0)
            break
        except filelock.Timeout:
            report(Progress("wait for another process to fetch it", 0))
    try:
        yield
    finally:
        lock.release()


def _check_room(dataset: Dataset, work: Path) -> None:
    needed = 0
    for source in dataset.downloads:
        there = [work / source.file, work / f"{source.file}.part"]
        done = max((path.stat().st_size for path in there if path.is_file()), default=0)
        needed += max(source.size - done, 0)
        needed += USUAL_EXPANSION * source.size if source.unpack else 0
    free = shutil.disk_usage(work).free
    if free < needed:
        raise OutputError(
            f"has {free >> 20:,} MiB of room, {dataset.name} needs about {needed >> 20:,} MiB",
            where=str(work.parent.parent),
            remedy="choose another folder by --data-dir or TEXTCLF_DATA_DIR",
        )


def _download(
    dataset: Dataset, work: Path, report: Report, sleep: Callable[[float], None], timeout: float
) -> None:
    from textclf.download import download

    for source in dataset.downloads:
        # What was staged as it is, and not published: it is looked at again, not fetched.
        staged = work / _STAGED / source.file
        if not source.unpack and staged.is_file():
            staged.replace(work / source.file)
        urls = addresses(source)
        logger.info("%s: downloading %s, %d bytes", dataset.name, source.file, source.size)
        download(source, work, urls, report=report, sleep=sleep, timeout=timeout)


def _stage(dataset: Dataset, work: Path, report: Report) -> Path:
    """Put together what the folder is to hold, with a manifest, and return where."""
    staged = work / _STAGED
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    for source in dataset.downloads:
        if source.unpack:
            limit = max(MAX_EXPANSION * source.size, SMALLEST_LIMIT)
            logger.info("%s: unpacking %s", dataset.name, source.file)
            unpack(work / source.file, source.unpack, staged, max_bytes=limit, report=report)
        else:
            (work / source.file).replace(staged / source.file)
    files = {}
    for path in sorted(staged.iterdir()):
        counted = tally(path, header=bool(dataset.layout.header), report=report)
        files[plain_name(path)] = {
            "bytes": counted.bytes,
            "sha256": counted.sha256,
            "rows": counted.rows,
        }
        if (expected := other_rows(dataset, path, counted)) is not None:
            logger.warning("%s has %s rows, expected were %d", path.name, counted.rows, expected)
    manifest = {
        "dataset": dataset.name,
        "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "downloads": [
            {"file": source.file, "bytes": source.size, "sha256": source.sha256}
            for source in dataset.downloads
        ],
        "files": files,
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (staged / MANIFEST).write_text(text, encoding="utf-8")
    for path in (*staged.iterdir(), staged):
        sync(path)
    return staged


def _publish(staged: Path, folder: Path) -> None:
    """Rename the staged folder to its place; into one that exists its files go one by one."""
    if not folder.exists() or not any(folder.iterdir()):
        staged.replace(folder)
        sync(folder.parent)
        return
    # train.csv last, since a folder with it counts as complete
    moves = sorted(staged.iterdir(), key=lambda path: (path.name.startswith("train."), path.name))
    for path in moves:
        target = folder / path.name
        stale = target.exists() and path.name != MANIFEST
        if stale and tally(target).sha256 != tally(path).sha256:
            raise OutputError(
                "is in the way of the file that was fetched",
                where=str(target),
                remedy="move it somewhere else",
            )
    for path in moves:
        path.replace(folder / path.name)
    sync(folder)
