"""Tables of results."""

import csv
import io

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
