"""Downloads one published file: resumed, retried, from several mirrors, and checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from textclf import __version__
from textclf.dataset_config import Download
from textclf.errors import FetchError
from textclf.progress import Progress, Report, silent

logger = logging.getLogger(__name__)

Sleep = Callable[[float], None]

TRIES = 5  # in a row without getting any further
LONGEST_WAIT = 60.0  # seconds
FURTHER = 1 << 20  # bytes that count as getting further
# 408 and 425 ask for another try, 429 says that there were too many; 5xx are the server's trouble
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524}
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def download(
    source: Download,
    where: Path,
    urls: Sequence[str],
    *,
    report: Report = silent,
    sleep: Sleep = time.sleep,
    timeout: float = 30.0,
) -> Path:
    """Download a file into a folder and return its path; what is there was checked.

    While it is incomplete it is called FILE.part, and FILE.part.json beside it holds what the
    server said about it; both are found again by the next call, which asks for the rest only.

    Args:
        source: What the file is.
        where: An existing folder that nobody else writes to meanwhile.
        urls: Addresses of the file, tried in turn.
        report: Told how many bytes of how many are there.
        sleep: Waits for a number of seconds between two tries.
        timeout: Seconds without a byte after which a connection counts as broken.

    Raises:
        FetchError: None of the addresses gave the file; no bad file is left behind.
        OSError: The folder cannot be written.
    """
    target = where / source.file
    if target.is_file() and target.stat().st_size == source.size and _matches(target, source):
        return target
    part = _Part(where / f"{source.file}.part", where / f"{source.file}.part.json")
    problems = []
    with _client(timeout) as client:
        for url in urls:
            try:
                _Mirror(client, url, source, part, report, sleep).get()
            except _Useless as problem:
                logger.warning("%s: %s: %s", source.file, _public(url), problem)
                problems.append(f"{_public(url)}: {problem}")
                continue
            part.become(target)
            return target
    raise FetchError(f"could not be fetched ({', '.join(problems)})", where=source.file)


def _client(timeout: float) -> httpx.Client:
    agent = {"User-Agent": f"textclf/{__version__}", "Accept-Encoding": "identity"}
    try:
        return httpx.Client(follow_redirects=True, timeout=timeout, headers=agent)
    except (
        ImportError,
        ValueError,
        httpx.InvalidURL,
    ) as error:  # HTTP_PROXY and its like are not understood
        raise FetchError(
            f"the proxy cannot be used: {error}",
            remedy="set HTTPS_PROXY to an address like http://HOST:PORT",
        ) from None


class _Useless(Exception):
    """This mirror does not have the file."""


class _Broken(Exception):
    """The connection or the server failed in a way that may pass."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class _Part:
    """An incomplete file and what is known about where it came from."""

    path: Path
    notes: Path

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def remember(self, url: str, validator: str) -> None:
        self.notes.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")

    def validator(self, url: str) -> str:
        """Return what identifies the version that the part is of, if it came from `url`."""
        with contextlib.suppress(OSError, ValueError):
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            if isinstance(notes, dict) and notes.get("url") == url:
                return str(notes.get("validator", ""))
        return ""

    def become(self, target: Path) -> None:
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(target)
        self.notes.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Mirror:
    """One address of the file."""

    client: httpx.Client
    url: str
    source: Download
    part: _Part
    report: Report
    sleep: Sleep

    def get(self) -> None:
        """Try until the part is complete and right.

        Raises:
            _Useless: It is not going to be.
        """
        tries, furthest = 0, self.part.size()
        while True:
            resumed = self.part.size() > 0
            try:
                if self.part.size() != self.source.size:
                    self._ask()
                self._check(resumed)
            except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as problem:
                raise _Useless(str(problem).rstrip(".")) from None
            except (_Broken, httpx.TransportError) as problem:
                tries = 1 if self.part.size() > furthest + FURTHER else tries + 1
                furthest = max(furthest, self.part.size())
                reason = str(problem).rstrip(".") or type(problem).__name__
                if tries == TRIES:
                    raise _Useless(f"{reason}, tried {TRIES} times") from None
                wait = problem.wait if isinstance(problem, _Broken) else 0.0
                wait = min(max(wait, 2.0 ** (tries - 1)), LONGEST_WAIT)
                logger.warning("%s: %s; next try in %.0f s", _public(self.url), reason, wait)
                self._wait(wait)
            else:
                return

    def _wait(self, seconds: float) -> None:
        """Wait a second at a time, reporting in between: who is told may want to stop."""
        while seconds > 0:
            self._tell(self.part.size())
            self.sleep(min(seconds, 1.0))
            seconds -= 1.0

    def _tell(self, done: int) -> None:
        self.report(Progress(f"download {self.source.file}", done, self.source.size))

    def _ask(self) -> None:
        """Ask for the file, or for the rest of it, and append what comes."""
        have = self.part.size()
        if have > self.source.size:
            self.part.clear()
            have = 0
        known = self.part.validator(self.url)
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and known:
            headers["If-Range"] = known
        with self.client.stream("GET", self.url, headers=headers) as response:
            start = self._start(response, have, known)
            if start == 0:
                self.part.clear()
                self.part.remember(self.url, _validator(response))
            self._receive(response, start)

    def _start(self, response: httpx.Response, have: int, known: str) -> int:
        """Return the position in the file at which the body of the response starts."""
        status = response.status_code
        if status == 206:
            return self._continued(response, have, known)
        if status == 416:
            self.part.clear()
            raise _Broken("does not have the rest of the file")
        if status in TRY_AGAIN:
            wait = response.headers.get("Retry-After", "")
            raise _Broken(_status(response), float(wait) if wait.isdecimal() else 0.0)
        if status != 200:
            raise _Useless(_status(response))
        if response.headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
            raise _Useless("answered with a web page, perhaps to log in, instead of the file")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) != self.source.size:
            raise _Useless(f"has {length} bytes instead of {self.source.size}")
        return 0

    def _continued(self, response: httpx.Response, have: int, known: str) -> int:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        total = match.group(3) if match else ""
        now = _validator(response)
        if not match or int(match.group(1)) != have:
            self.part.clear()
            raise _Broken("answered with another part than asked for")
        if (total != "*" and int(total) != self.source.size) or (known and now and now != known):
            self.part.clear()
            raise _Broken("has another version of the file now")
        return have

    def _receive(self, response: httpx.Response, start: int) -> None:
        size = self.source.size
        done = start
        with self.part.path.open("ab") as file:
            for chunk in response.iter_raw():
                if done == 0 and chunk[:512].lstrip().lower().startswith((b"<!doctype", b"<html")):
                    self.part.clear()
                    raise _Useless("answered with a web page instead of the file")
                done += len(chunk)
                if done > size:
                    self.part.clear()
                    raise _Useless(f"has more than {size} bytes")
                file.write(chunk)
                self._tell(done)
        if done < size:
            raise _Broken(f"ended after {done} of {size} bytes")

    def _check(self, resumed: bool) -> None:
        if _matches(self.part.path, self.source):
            return
        self.part.clear()
        problem = "failed its checksum (SHA-256)"
        if resumed:  # the two parts may have been of two versions
            raise _Broken(problem)
        raise _Useless(problem)


def _matches(path: Path, source: Download) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == source.sha256


def _validator(response: httpx.Response) -> str:
    """Return the strong ETag or the date of the file; a weak ETag cannot vouch for bytes."""
    tag: str = response.headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    return str(response.headers.get("Last-Modified", ""))


def _status(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _public(url: str) -> str:
    """Return an address without the user name and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url)
