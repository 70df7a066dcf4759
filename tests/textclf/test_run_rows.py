"""Rows to measure a saved model on are found as its run found them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from textclf.classifier import Classifier
from textclf.corpus.layout import Columns
from textclf.run_rows import rows_for


@pytest.mark.parametrize("asked", [{}, {"label_column": 1, "text_columns": [2]}])
def test_columns_are_found_by_the_names_of_the_training_file(
    themes_model: Path, tmp_path: Path, asked: dict[str, object]
) -> None:
    """Numbers that were asked for are those of the training file."""
    classifier = Classifier.load(themes_model)
    classifier.columns = Columns(2, 0, (1,), {0: "theme", 1: "words"})
    classifier.save(tmp_path / "model")
    rows = tmp_path / "rows.csv"
    rows.write_text("words,theme\nsome soup,food\na goal,sport\n")
    (tmp_path / "metrics.json").write_text(json.dumps({"job": {"format": asked}}))
    corpus = rows_for(tmp_path, classifier, str(rows))
    assert corpus is not None
    (block,) = corpus.blocks()
    assert block.texts() == ["some soup", "a goal"]
    assert block.labels is not None
    assert [corpus.labels.names[code] for code in block.labels] == ["food", "sport"]
