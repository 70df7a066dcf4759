"""Tables of results."""

import csv
import io
import signal
import subprocess
import sys

import pytest

from textclf.sinks import CsvSink


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", "a\r\nb", "\r", 'a "b"', "a,b", "a b", ""])
def test_a_cell_of_csv_is_read_as_it_was_written(cell):
    file = io.BytesIO()
    CsvSink(file, header=True).write({"label": [cell, "x"], "text": ["y", cell]})
    text = file.getvalue().decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["label", "text"], [cell, "y"], ["x", cell]]
    assert text.startswith("label,text\n")
    assert text.endswith("\n")
    assert not text.endswith("\r\n")


WRITER = """
import sys
from textclf.sinks import open_sink
with open_sink(sys.argv[1], "tsv", header=False) as sink:
    sink.write({"label": ["half of it"]})
    print("begun", flush=True)
    sys.stdin.read()
"""


def writer(path):
    """Start a process that writes a file until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"begun\n"
    return process


def test_what_a_killed_writer_left_is_removed_by_the_next_and_what_another_writes_is_not(tmp_path):
    path = tmp_path / "answers[1].tsv"
    killed, other = writer(path), writer(path)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    third = writer(path)
    assert len(list(tmp_path.iterdir())) == 2
    for process in (other, third):
        process.communicate(b"")
        assert process.returncode == 0
    assert [file.read_text() for file in tmp_path.iterdir()] == ["half of it\n"]
