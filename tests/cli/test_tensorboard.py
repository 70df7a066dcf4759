"""textclf train --tensorboard."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = Path(__file__).with_name("quick.py")


def test_every_path_that_training_takes_is_made_absolute_for_cron(textclf, tmp_path):
    import click

    from textclf.cli.train import train

    paths = [
        option.opts[-1] if option.opts[-1].startswith("--") else option.opts[0]
        for option in train.params
        if isinstance(option.type, click.Path)
    ]
    assert "--tensorboard" in paths
    (tmp_path / "a place").touch()  # settings must be there
    options = ["--", *(word for path in paths for word in (path, "a place"))]
    result = textclf("schedule", "--at", "03:30", *options, cwd=tmp_path)
    for path in paths:
        assert f"{path} '{tmp_path / 'a place'}'" in result.stdout


def test_the_figures_of_a_run_lie_in_a_folder_of_its_name(tmp_path):
    pytest.importorskip("tensorboard")
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(f"{label},{label} word {i}" for i in range(50) for label in "ab"))
    command = [
        QUICK, "train", "--train-file", rows, "--models-dir", tmp_path / "models",
        "--tensorboard", tmp_path / "board", "--quiet",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]),
                   "TEXTCLF_CACHE_DIR": os.environ["TEXTCLF_CACHE_DIR"]}  # fmt: skip
    subprocess.run([sys.executable, *map(str, command)], check=True, env=environment)
    run = (tmp_path / "models" / "rows" / "current").resolve().name
    (events,) = (tmp_path / "board").rglob("*tfevents*")
    assert events.parent == tmp_path / "board" / run / "train"
