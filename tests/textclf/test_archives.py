"""Archives, most of them made to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from textclf.archives import unpack
from textclf.errors import FetchError

NAMES = ("train.csv", "test.csv")
TRAIN, TEST = b'"1","hello"\n' * 1000, b'"2","bye"\n'


def entry(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


GOOD = [
    entry("set_csv", type=tarfile.DIRTYPE),
    entry("set_csv/train.csv", TRAIN),
    entry("set_csv/test.csv", TEST),
    entry("set_csv/readme.txt", b"hello"),
]


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def unpacked(tmp_path: Path, content: bytes, **limits: int) -> dict[str, bytes]:
    archive, target = tmp_path / "set.tgz", tmp_path / "target"
    archive.write_bytes(content)
    target.mkdir()
    written = unpack(archive, NAMES, target, **{"max_bytes": 1 << 20, **limits})
    assert sorted(written) == sorted(target.iterdir())
    return {path.name: path.read_bytes() for path in written}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_takes_out_the_files_that_are_asked_for(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    assert unpacked(tmp_path, compress(tar(*GOOD))) == {"train.csv": TRAIN, "test.csv": TEST}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry("/etc/cron.d/train.csv", TRAIN), "outside"),
        (entry("../train.csv", TRAIN), "outside"),
        (entry("set_csv/../../notes.txt", b"x"), "outside"),
        (entry("..\\..\\notes.txt", b"x"), "outside"),
        (entry("set_csv/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "something else"),
        (entry("set_csv/link", type=tarfile.LNKTYPE, linkname="set_csv/x"), "something else"),
        (entry("set_csv/disk", type=tarfile.BLKTYPE, devmajor=8), "something else"),
        (entry("set_csv/zero", type=tarfile.CHRTYPE, devmajor=1), "something else"),
        (entry("set_csv/pipe", type=tarfile.FIFOTYPE), "something else"),
        (entry("other/train.csv", b"0,x\n"), "twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0].name,
)
def test_refuses_what_is_dangerous(
    tmp_path: Path, bad: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    with pytest.raises(FetchError, match=reason):
        unpacked(tmp_path, gzip.compress(tar(*GOOD, bad)))
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"set.tgz", "target"}


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = entry("train.csv", bytes(5 << 20))
    with pytest.raises(FetchError, match="more than 1048576 bytes"):
        unpacked(tmp_path, gzip.compress(tar(bomb)))
    assert sum(path.stat().st_size for path in (tmp_path / "target").iterdir()) <= 1 << 20


def test_a_bomb_among_the_files_nobody_asked_for_counts_too(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="more than"):
        unpacked(tmp_path, gzip.compress(tar(entry("zeros", bytes(5 << 20)), *GOOD)))


def test_a_long_header_is_a_bomb_as_well(tmp_path: Path) -> None:
    huge = entry("train.csv", TRAIN, pax_headers={"comment": "x" * (5 << 20)})
    with pytest.raises(FetchError, match="more than"):
        unpacked(tmp_path, gzip.compress(tar(huge)))


def test_refuses_too_many_files(tmp_path: Path) -> None:
    many = [entry(f"set_csv/{number}") for number in range(20)]
    with pytest.raises(FetchError, match="more than 10 files"):
        unpacked(tmp_path, tar(*many, *GOOD), max_members=10)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"<html>log in</html>" * 100,
        lambda content: content[:60] + b"????" + content[64:],
    ],
    ids=["cut", "empty", "web page", "changed"],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_says_that_an_archive_is_damaged(
    tmp_path: Path, damage: Callable[[bytes], bytes], compress: Callable[[bytes], bytes]
) -> None:
    noise = bytes(hash((at, at)) & 255 for at in range(20_000))
    with pytest.raises(FetchError, match=r"damaged|does not hold|outside"):
        unpacked(tmp_path, damage(compress(tar(entry("train.csv", noise), *GOOD[2:]))))


def test_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"does not hold test\.csv"):
        unpacked(tmp_path, tar(*GOOD[:2]))


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    folder = entry("train.csv", type=tarfile.DIRTYPE)
    with pytest.raises(FetchError, match=r"does not hold train\.csv"):
        unpacked(tmp_path, tar(folder, GOOD[2]))


def test_modes_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    unpacked(tmp_path, tar(entry("train.csv", TRAIN, mode=0o6777, uid=0), GOOD[2]))
    assert (tmp_path / "target" / "train.csv").stat().st_mode & 0o6111 == 0
