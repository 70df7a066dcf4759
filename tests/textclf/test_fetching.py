"""Fetching whole datasets from a mirror on the loopback."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from textclf import datasets, fetching
from textclf.dataset_config import Dataset, Download
from textclf.datasets import Files
from textclf.errors import FetchError, OutputError
from textclf.progress import Progress

TRAIN = b'"1","hello, ""you"""\n"2","two\nlines"\n' * 50
TEST = b'"2","bye"'


class Counting(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and remembers what was asked for."""

    asked: list[str]
    pause = 0.0

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        time.sleep(type(self).pause)
        super().do_GET()


@pytest.fixture
def handler() -> type[Counting]:
    return type("Handler", (Counting,), {"asked": []})


@pytest.fixture
def mirror(
    tmp_path: Path, handler: type[Counting], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder that is served below TEXTCLF_MIRROR."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    serve = functools.partial(handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("TEXTCLF_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def packed(**files: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"set_csv/{name}.csv")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def published(mirror: Path, path: str, content: bytes, unpack: tuple[str, ...] = ()) -> Download:
    (mirror / path).parent.mkdir(exist_ok=True)
    (mirror / path).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    url = "http://unused.invalid/x"
    return Download(Path(path).name, len(content), sha256, (url,), path, unpack)


@pytest.fixture
def tarred(mirror: Path) -> Dataset:
    source = published(mirror, "set.tgz", packed(train=TRAIN, test=TEST), ("train.csv", "test.csv"))
    return Dataset("tarred", downloads=(source,), rows={"train": 100, "test": 1})


@pytest.fixture
def plain(mirror: Path) -> Dataset:
    train = published(mirror, "plain_csv/train.csv", TRAIN)
    return Dataset("plain", downloads=(train, published(mirror, "plain_csv/test.csv", TEST)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def visible(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("name", ["tarred", "plain"])
def test_the_files_arrive(name: str, data: Path, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue(name)
    files = datasets.fetch(dataset, data)
    assert files == Files(data / name / "train.csv", None, data / name / "test.csv")
    assert files.train.read_bytes() == TRAIN
    assert files.test is not None
    assert files.test.read_bytes() == TEST
    assert not (data / ".fetch" / name).exists()
    assert datasets.verify(dataset, data).ok


def test_every_stage_is_reported_to_its_end(tarred: Dataset, data: Path) -> None:
    last: dict[str, Progress] = {}
    datasets.fetch(tarred, data, progress=lambda now: last.update({now.stage: now}))
    assert list(last) == [
        "download set.tgz", "unpack set.tgz", "check test.csv", "check train.csv"
    ]  # fmt: skip
    assert all(each.done == each.total for each in last.values())


def test_a_manifest_tells_what_was_fetched(tarred: Dataset, data: Path) -> None:
    datasets.fetch(tarred, data)
    manifest = json.loads((data / "tarred" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"]["train.csv"] == {
        "bytes": len(TRAIN),
        "sha256": hashlib.sha256(TRAIN).hexdigest(),
        "rows": 100,
    }
    assert manifest["downloads"][0]["sha256"] == tarred.downloads[0].sha256


def test_what_was_fetched_is_not_fetched_again(
    tarred: Dataset, data: Path, handler: type[Counting]
) -> None:
    assert datasets.fetch(tarred, data) == datasets.fetch(tarred, data)
    assert handler.asked == ["/set.tgz"]


def test_the_mirror_keeps_the_layout_of_the_originals(
    plain: Dataset, data: Path, handler: type[Counting]
) -> None:
    datasets.fetch(plain, data)
    assert handler.asked == ["/plain_csv/train.csv", "/plain_csv/test.csv"]


def test_without_a_mirror_the_own_addresses_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTCLF_MIRROR", raising=False)
    (source,) = datasets.find("dbpedia").downloads
    expected = ["https://s3.amazonaws.com/fast-ai-nlp/dbpedia_csv.tgz"]
    assert fetching.addresses(source) == expected
    monkeypatch.setenv("TEXTCLF_MIRROR", "http://a/b/ http://c")
    assert fetching.addresses(source) == ["http://a/b/dbpedia_csv.tgz", "http://c/dbpedia_csv.tgz"]


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_flipped_byte_leaves_nothing_to_train_on(
    tarred: Dataset, data: Path, mirror: Path, at: int
) -> None:
    content = bytearray((mirror / "set.tgz").read_bytes())
    content[at] ^= 1
    (mirror / "set.tgz").write_bytes(content)
    with pytest.raises(FetchError, match="checksum") as caught:
        datasets.fetch(tarred, data)
    assert caught.value.exit_code == 69
    assert tarred.locate(data) is None
    assert visible(data) == []
    assert list((data / ".fetch" / "tarred").iterdir()) == []


def test_if_one_of_two_files_is_wrong_neither_is_used(
    plain: Dataset, data: Path, mirror: Path
) -> None:
    (mirror / "plain_csv" / "test.csv").write_bytes(TEST[:-1] + b"?")
    with pytest.raises(FetchError, match=r"test\.csv"):
        datasets.fetch(plain, data)
    assert plain.locate(data) is None
    (mirror / "plain_csv" / "test.csv").write_bytes(TEST)
    datasets.fetch(plain, data)


def test_the_error_says_what_can_be_done(tarred: Dataset, data: Path, mirror: Path) -> None:
    (mirror / "set.tgz").unlink()
    with pytest.raises(FetchError, match=f"404 .*put train.csv and test.csv into {data}/tarred"):
        datasets.fetch(tarred, data)


def test_an_archive_with_another_file_than_expected_is_refused(mirror: Path, data: Path) -> None:
    source = published(mirror, "set.tgz", packed(train=TRAIN), ("train.csv", "test.csv"))
    with pytest.raises(FetchError, match=r"does not hold test\.csv"):
        datasets.fetch(Dataset("x", downloads=(source,)), data)
    assert visible(data) == []


def test_a_bomb_is_refused(mirror: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SMALLEST_LIMIT", 1 << 20)
    source = published(mirror, "set.tgz", packed(train=bytes(9 << 20)), ("train.csv",))
    with pytest.raises(FetchError, match="unpacks to more than"):
        datasets.fetch(Dataset("x", downloads=(source,)), data)
    assert visible(data) == []


def test_downloads_without_a_training_file_are_a_mistake_in_the_configuration(
    mirror: Path, data: Path
) -> None:
    dataset = Dataset("x", downloads=(published(mirror, "rows.csv", TRAIN),))
    with pytest.raises(Exception, match=r"must be train\.csv"):
        datasets.fetch(dataset, data)


def test_compressed_files_stay_compressed(mirror: Path, data: Path) -> None:
    source = published(mirror, "train.csv.gz", gzip.compress(TRAIN))
    dataset = Dataset("x", downloads=(source,), rows={"train": 100})
    files = datasets.fetch(dataset, data)
    assert files == Files(data / "x" / "train.csv.gz")
    assert datasets.verify(dataset, data).checks[0].status == "ok"


def test_room_is_looked_for_first(
    tarred: Dataset, data: Path, handler: type[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="0 MiB of room, tarred needs about") as caught:
        datasets.fetch(tarred, data)
    assert caught.value.exit_code == 73
    assert handler.asked == []


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(
    tarred: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        datasets.fetch(tarred, tmp_path / "file")


def test_a_full_disk_leaves_nothing_to_train_on(
    tarred: Dataset, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left on device"):
            datasets.fetch(tarred, data)
    assert tarred.locate(data) is None
    datasets.fetch(tarred, data)


def test_goes_on_where_a_process_was_killed(tarred: Dataset, data: Path, mirror: Path) -> None:
    work = data / ".fetch" / "tarred"
    (work / "staged").mkdir(parents=True)
    (work / "staged" / "train.csv").write_bytes(b"half")
    (work / "set.tgz.part").write_bytes((mirror / "set.tgz").read_bytes()[:100])
    assert datasets.fetch(tarred, data).train.read_bytes() == TRAIN


def test_a_folder_with_other_files_keeps_them(tarred: Dataset, data: Path) -> None:
    (data / "tarred").mkdir(parents=True)
    (data / "tarred" / "notes.txt").write_text("mine", encoding="utf-8")
    datasets.fetch(tarred, data)
    names = {path.name for path in (data / "tarred").iterdir()}
    assert names == {"notes.txt", "train.csv", "test.csv", "manifest.json"}


def test_a_folder_that_is_a_disk_of_its_own_is_filled(
    tarred: Dataset, mounted: Callable[..., Path]
) -> None:
    """As one that a container is given: nothing can be renamed into it from outside."""
    folder = mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs")
    dataset = dataclasses.replace(tarred, name=folder.name)
    assert datasets.fetch(dataset, folder.parent).train.read_bytes() == TRAIN
    assert sorted(path.name for path in folder.iterdir() if path.name != ".fetch") == [
        "manifest.json", "test.csv", "train.csv",
    ]  # fmt: skip
    assert datasets.verify(dataset, folder.parent).ok


def test_a_test_file_of_the_users_own_is_not_overwritten(tarred: Dataset, data: Path) -> None:
    (data / "tarred").mkdir(parents=True)
    (data / "tarred" / "test.csv").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"test\.csv: is in the way"):
        datasets.fetch(tarred, data)
    assert (data / "tarred" / "test.csv").read_bytes() == b"mine"
    assert tarred.locate(data) is None


def test_what_could_not_be_published_is_not_fetched_again(
    plain: Dataset, data: Path, handler: type[Counting]
) -> None:
    (data / "plain").mkdir(parents=True)
    (data / "plain" / "test.csv").write_bytes(b"mine")
    for _ in range(2):
        with pytest.raises(OutputError, match=r"test\.csv: is in the way"):
            datasets.fetch(plain, data)
    assert len(handler.asked) == len(plain.downloads)
    (data / "plain" / "test.csv").unlink()
    datasets.fetch(plain, data)
    assert len(handler.asked) == len(plain.downloads)


def test_a_training_file_that_was_removed_comes_back(tarred: Dataset, data: Path) -> None:
    datasets.fetch(tarred, data).train.unlink()
    assert datasets.fetch(tarred, data).train.read_bytes() == TRAIN


def test_two_processes_at_once_download_once(
    mirror: Path, data: Path, tmp_path: Path, handler: type[Counting]
) -> None:
    source = published(mirror, "set.tgz", packed(train=TRAIN), ("train.csv",))
    handler.pause = 0.5
    config = tmp_path / "both.toml"
    config.write_text(
        f"[[dataset.downloads]]\nfile = 'set.tgz'\nbytes = {source.size}\n"
        f"sha256 = '{source.sha256}'\nurls = ['http://unused.invalid']\nunpack = ['train.csv']\n",
        encoding="utf-8",
    )
    code = (
        "import sys; from textclf import datasets;"
        "print(datasets.fetch(datasets.find(sys.argv[1]), sys.argv[2]).train)"
    )
    command = [sys.executable, "-c", code, str(config), str(data)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0].strip() for process in both]
    assert printed == [str(data / "both" / "train.csv")] * 2
    assert handler.asked == ["/set.tgz"]


def test_whoever_waits_for_another_process_can_stop(tarred: Dataset, data: Path) -> None:
    import filelock

    class Stop(Exception):
        pass

    def stop(progress: object) -> None:
        raise Stop

    (data / ".fetch").mkdir(parents=True)
    with filelock.FileLock(data / ".fetch" / "tarred.lock"), pytest.raises(Stop):
        datasets.fetch(tarred, data, progress=stop)
