"""Downloads, against a real server on the loopback that misbehaves in every way it can."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from textclf.dataset_config import Download
from textclf.download import download
from textclf.errors import FetchError
from textclf.progress import Progress

BODY = bytes(range(256)) * 1200  # 300 KB


@dataclass(frozen=True)
class Answer:
    """How the server answers one request."""

    body: bytes = BODY
    status: int = 200
    cut_after: int | None = None  # bytes of the body sent before the connection is cut
    ranges: bool = True
    etag: str = '"one"'
    modified: str = ""
    content_type: str = "application/octet-stream"
    length: int | None = None  # what it says instead of the truth
    chunked: bool = False
    pause: float = 0.0  # seconds between the pieces of the body
    headers: dict[str, str] = field(default_factory=dict)


class Server(http.server.ThreadingHTTPServer):
    """Gives its answers in turn, the last one again and again, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = [Answer()]
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        answer = self.server.next()
        self.server.asked.append({"path": self.path, **dict(self.headers.items())})
        start = self._start(answer)
        if start >= len(answer.body) and start:
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        rest = answer.body[start:]
        self.send_response(206 if start else answer.status)
        if start:
            size = len(answer.body)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Type", answer.content_type)
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.modified:
            self.send_header("Last-Modified", answer.modified)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(answer.length or len(rest)))
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have heard enough
            self._send(answer, rest)

    def _start(self, answer: Answer) -> int:
        asked = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        if not asked or not answer.ranges or answer.status != 200:
            return 0
        if condition not in (None, answer.etag, answer.modified):
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, answer: Answer, rest: bytes) -> None:
        sent = rest[: answer.cut_after]
        step = 16384 if answer.pause else len(sent) or 1
        for at in range(0, len(sent), step):
            piece = sent[at : at + step]
            frame = b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece
            self.wfile.write(frame)
            time.sleep(answer.pause)
        if answer.chunked and answer.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def waits() -> list[float]:
    return []


def source_of(body: bytes = BODY) -> Download:
    return Download("train.csv", len(body), hashlib.sha256(body).hexdigest(), (), "train.csv")


def get(server: Server, where: Path, waits: list[float], *more_urls: str) -> bytes:
    urls = (f"{server.url}/train.csv", *more_urls)
    path = download(source_of(), where, urls, sleep=waits.append, timeout=5)
    assert [each.name for each in where.iterdir()] == ["train.csv"]
    return path.read_bytes()


def test_gets_the_file(server: Server, tmp_path: Path, waits: list[float]) -> None:
    assert get(server, tmp_path, waits) == BODY
    assert waits == []


def test_does_not_ask_again_for_a_file_that_is_there(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    get(server, tmp_path, waits)
    get(server, tmp_path, waits)
    assert len(server.asked) == 1


def test_reports_how_far_it_is(server: Server, tmp_path: Path) -> None:
    told: list[Progress] = []
    download(source_of(), tmp_path, [f"{server.url}/x"], report=told.append)
    assert told[-1] == Progress("download train.csv", len(BODY), len(BODY))
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_a_slow_server_is_waited_for(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = [Answer(pause=0.02)]
    assert get(server, tmp_path, waits) == BODY


def test_a_server_that_says_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(pause=1.0), Answer()]
    waits: list[float] = []
    urls = [f"{server.url}/train.csv"]
    path = download(source_of(), tmp_path, urls, sleep=waits.append, timeout=0.2)
    assert path.read_bytes() == BODY
    assert len(waits) == 1


def test_a_connection_cut_three_times_is_resumed_where_it_ended(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(cut_after=100_000), *[Answer(cut_after=50_000)] * 2, Answer()]
    assert get(server, tmp_path, waits) == BODY
    ranges = [each.get("Range") for each in server.asked]
    assert ranges == [None, "bytes=100000-", "bytes=150000-", "bytes=200000-"]
    assert [each.get("If-Range") for each in server.asked] == [None, *['"one"'] * 3]


def test_waits_grow(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = [*[Answer(status=503)] * 3, Answer()]
    assert get(server, tmp_path, waits) == BODY
    assert sum(waits) == 1 + 2 + 4
    assert max(waits) <= 1  # in small steps, so that a signal is heeded


def test_a_part_of_an_earlier_run_is_continued(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(cut_after=100_000), Answer(status=404)]
    with pytest.raises(FetchError):
        get(server, tmp_path, waits)
    assert (tmp_path / "train.csv.part").stat().st_size == 100_000
    server.answers = [Answer()]
    assert get(server, tmp_path, waits) == BODY
    assert server.asked[-1]["Range"] == "bytes=100000-"


def test_a_complete_part_is_only_checked(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    (tmp_path / "train.csv.part").write_bytes(BODY)
    assert get(server, tmp_path, waits) == BODY
    assert server.asked == []


@pytest.mark.parametrize("part", [BODY[:100] + b"?", b"?" * len(BODY), BODY + b"?"])
def test_a_part_that_is_wrong_is_thrown_away(
    server: Server, tmp_path: Path, waits: list[float], part: bytes
) -> None:
    (tmp_path / "train.csv.part").write_bytes(part)
    assert get(server, tmp_path, waits) == BODY


def test_starts_over_if_the_server_ignores_ranges(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(cut_after=100_000), Answer(ranges=False)]
    assert get(server, tmp_path, waits) == BODY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Answer(etag='"old"'), Answer(etag='"new"')),
        (Answer(etag="", modified="Mon, 01 Jan 2024 00:00:00 GMT"),
         Answer(etag="", modified="Tue, 02 Jan 2024 00:00:00 GMT")),
        (Answer(etag='W/"weak"'), Answer(etag='W/"weak"')),
        (Answer(etag=""), Answer(etag="")),
    ],
    ids=["etag", "date", "weak etag", "nothing"],
)  # fmt: skip
def test_starts_over_if_the_file_changed_between_two_tries(
    server: Server, tmp_path: Path, waits: list[float], before: Answer, after: Answer
) -> None:
    old = bytes(len(BODY))
    server.answers = [replace(before, body=old, cut_after=100_000), after]
    assert get(server, tmp_path, waits) == BODY


def test_starts_over_if_the_server_ignores_the_condition(
    server: Server, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: Handler, answer: Answer) -> int:
        asked = self.headers.get("Range", "bytes=0-")
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    monkeypatch.setattr(Handler, "_start", careless)
    old = bytes(len(BODY))
    server.answers = [Answer(body=old, cut_after=100_000, etag='"old"'), Answer(etag='"new"')]
    assert get(server, tmp_path, waits) == BODY
    assert [each.get("Range") for each in server.asked] == [None, "bytes=100000-", None]


def test_a_length_that_is_a_lie_is_noticed(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(body=BODY[:1000], length=len(BODY)), Answer()]
    assert get(server, tmp_path, waits) == BODY


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=404), "404 Not Found"),
        (Answer(status=403, content_type="text/html"), "403 Forbidden"),
        (Answer(status=500), "500 Internal Server Error, tried 5 times"),
        (Answer(content_type="text/html; charset=utf-8"), "a web page, perhaps to log in"),
        (Answer(body=b"\n<!DOCTYPE html><form>", length=len(BODY)), "a web page"),
        (Answer(body=BODY[:-1]), f"has {len(BODY) - 1} bytes instead of {len(BODY)}"),
        (Answer(body=BODY + b"?"), f"has {len(BODY) + 1} bytes instead of {len(BODY)}"),
        (Answer(body=BODY + b"?", chunked=True), f"has more than {len(BODY)} bytes"),
        (Answer(body=BODY[:-1], chunked=True), f"ended after {len(BODY) - 1} of {len(BODY)}"),
        (Answer(body=b"\0" * len(BODY)), "failed its checksum"),
        (Answer(body=BODY[:-1] + b"?"), "failed its checksum"),
        (Answer(cut_after=0), "tried 5 times"),
        (Answer(status=302, headers={"Location": "/again"}, body=b""), "redirects"),
    ],
)
def test_gives_up_with_the_reason_and_without_the_file(
    server: Server, tmp_path: Path, waits: list[float], answer: Answer, reason: str
) -> None:
    server.answers = [answer]
    with pytest.raises(FetchError, match=reason) as caught:
        get(server, tmp_path, waits)
    assert caught.value.exit_code == 69
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "train.csv").exists()
    if "checksum" in reason:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [Answer(status=404), Answer(body=b"\0" * len(BODY))])
def test_the_next_mirror_is_tried(
    server: Server, tmp_path: Path, waits: list[float], answer: Answer
) -> None:
    server.answers = [answer, Answer()]
    assert get(server, tmp_path, waits, f"{server.url}/mirror/train.csv") == BODY
    assert [each["path"] for each in server.asked] == ["/train.csv", "/mirror/train.csv"]


def test_another_mirror_continues_the_part(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(cut_after=100_000), Answer(status=410), Answer(etag='"other"')]
    assert get(server, tmp_path, waits, f"{server.url}/mirror/train.csv") == BODY
    assert server.asked[-1]["Range"] == "bytes=100000-"
    assert "If-Range" not in server.asked[-1]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "ftp://127.0.0.1/x", "http://[/x"])
def test_an_address_where_nobody_listens_is_no_traceback(
    tmp_path: Path, waits: list[float], url: str
) -> None:
    with pytest.raises(FetchError):
        download(source_of(), tmp_path, [url], sleep=waits.append)


def test_retry_after_is_heeded_within_limits(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    busy = [Answer(status=429, headers={"Retry-After": text}) for text in ("7", "9999", "soon")]
    server.answers = [*busy, Answer()]
    assert get(server, tmp_path, waits) == BODY
    assert sum(waits) == 7 + 60 + 4


def test_passwords_in_addresses_stay_out_of_messages(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.answers = [Answer(status=401)]
    url = server.url.replace("//", "//me:secret@")
    with pytest.raises(FetchError) as caught:
        download(source_of(), tmp_path, [url], sleep=waits.append)
    assert "secret" not in str(caught.value)


def test_whoever_is_told_can_stop_it(server: Server, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: Progress) -> None:
        raise Stop

    with pytest.raises(Stop):
        download(source_of(), tmp_path, [server.url], report=stop)
    assert not (tmp_path / "train.csv").exists()


def test_a_redirect_is_followed(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = [Answer(status=302, headers={"Location": "/elsewhere"}, body=b""), Answer()]
    assert get(server, tmp_path, waits) == BODY


def test_goes_through_the_proxy_of_the_environment(
    server: Server, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    path = download(source_of(), tmp_path, ["http://data.invalid/x"], sleep=waits.append)
    assert path.read_bytes() == BODY
    assert server.asked[0]["path"] == "http://data.invalid/x"


@pytest.mark.parametrize("proxy", ["carrier-pigeon://loft", "http://host:port"])
def test_a_proxy_that_makes_no_sense_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(FetchError, match="proxy"):
        download(source_of(), tmp_path, ["http://data.invalid/x"])
