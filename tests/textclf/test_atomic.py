"""What is written takes the place of a file in one step; devices, pipes and links stay."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from textclf.atomic import write_text
from textclf.errors import OutputError
from textclf.sinks import open_sink

Write = Callable[[Path], None]


def as_text(path: Path) -> None:
    write_text(path, "told\n", "name another file")


def as_table(path: Path) -> None:
    with open_sink(str(path), "tsv", header=False) as sink:
        sink.write({"label": ["told"]})


@pytest.fixture(params=[as_text, as_table])
def write(request: pytest.FixtureRequest) -> Write:
    write: Write = request.param
    return write


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path, write: Write) -> None:
    link, middle, file = tmp_path / "link", tmp_path / "middle", tmp_path / "folder" / "file"
    file.parent.mkdir()
    link.symlink_to("middle")
    middle.symlink_to("folder/file")
    for _ in range(2):  # the second time it is there
        write(link)
        assert link.is_symlink()
        assert middle.is_symlink()
        assert file.read_text() == "told\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "middle"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path, write: Write) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(30)
    assert read == ["told\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one(tmp_path: Path, write: Write) -> None:
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.open("w").close()
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    write(null)
    assert null.is_char_device()


def test_an_open_file_is_written_to_by_its_name_as_a_descriptor(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from textclf.atomic import write_text; import os\n"
        "own = Path('/proc/self/fd/1'); link = Path(r'{}'); link.symlink_to(own)\n"
        "write_text(link, 'told\\n', ''); assert link.is_symlink()"
    )
    with (tmp_path / "out").open("w") as out:
        script = code.format(tmp_path / "stdout")
        subprocess.run([sys.executable, "-c", script], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "told\n"


def test_links_that_go_round_in_a_circle_are_an_error(tmp_path: Path, write: Write) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError):
        write(tmp_path / "a")
