"""Files that may not be read are bad input, or bad configuration: one line with their names."""

import os
import shutil
import subprocess
import sys

import pytest
from unattended_jobs import environment, one_line

MODEL_FILES = ["manifest.json", "model.json", "model.safetensors"]


@pytest.fixture
def unprivileged():
    """Run `textclf` as one to whom permissions apply, which they do not to root."""
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("there is no setpriv")
        dropped = "-dac_override,-dac_read_search"
        prefix = ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]

    def run(*arguments):
        return subprocess.run(
            [*prefix, sys.executable, "-m", "textclf", *map(str, arguments)],
            capture_output=True, text=True, env=environment(), input="soup\n",
        )  # fmt: skip

    return run


@pytest.fixture
def model(tmp_path, make_model):
    folder = tmp_path / "models" / "food" / "20260101T000000Z-000000"
    make_model().save(folder / "model")
    (folder.parent / "current").symlink_to(folder.name)
    return folder / "model"


@pytest.mark.parametrize("file", MODEL_FILES)
@pytest.mark.parametrize("command", [["predict"], ["export", "--format", "textclf", "-o", "new"]])
def test_a_model_that_may_not_be_read_is_bad_input(unprivileged, model, command, file):
    (model / file).chmod(0)
    result = unprivileged(command[0], model, *command[1:])
    one_line(result, 65, f"{model / file}: may not be read (permission denied)")


def test_a_published_model_that_may_not_be_read_is_bad_input(unprivileged, tmp_path, model):
    data = tmp_path / "food.csv"
    data.write_text("a,soup\nb,bread\n" * 9)
    (model / "model.json").chmod(0)
    job = ["train", "--train-file", data, "--name", "food", "--models-dir", tmp_path / "models"]
    result = unprivileged(*job, "--max-drop", 0.1)
    one_line(result, 65, f"{model / 'model.json'}: may not be read (permission denied)")


@pytest.mark.parametrize("path", ["models/food", "models"])
@pytest.mark.parametrize(
    "command", [["runs", "list"], ["runs", "list", "food"], ["report", "food"]]
)
def test_runs_that_may_not_be_read_are_bad_input(unprivileged, tmp_path, model, command, path):
    folder = tmp_path / path
    folder.chmod(0)
    result = unprivileged(*command, "--models-dir", tmp_path / "models")
    folder.chmod(0o755)
    one_line(result, 65, "may not be read (permission denied)")


@pytest.mark.parametrize("more", [[], ["--dataset", "sample"]])
def test_a_configuration_that_may_not_be_read_is_bad(unprivileged, tmp_path, more):
    config = tmp_path / "config.toml"
    config.touch(0)
    one_line(unprivileged("train", "--config", config, *more), 78, f"{config}: ")
