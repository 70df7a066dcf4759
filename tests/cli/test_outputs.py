"""What a command is to write must not be what it reads: refused before anything is opened."""

import os

import pytest

OUTPUTS = ["--rejects", "--metrics-file", "--log-file"]
INPUTS = ["--train-file", "--validation-file", "--test-file"]


def refused(result, option, file, content):
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith(f"textclf: {file}: {option} would overwrite an input")
    assert file.read_text() == content


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("part", INPUTS)
def test_train_does_not_write_to_its_inputs(quick, tmp_path, data, output, part):
    file = tmp_path / "input.csv"
    content = data.read_text()
    file.write_text(content)
    models = tmp_path / "models"
    files = ["--train-file", data, part, file]
    refused(quick("train", *files, output, file, "--models-dir", models), output, file, content)
    assert not models.exists()


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_an_input_is_that_input(quick, tmp_path, data, link):
    other, content = tmp_path / "other", data.read_text()
    link(data, other)
    refused(quick("inspect", data, "--rejects", other), "--rejects", other, content)


def test_a_file_that_a_pattern_matches_is_an_input(quick, tmp_path, data):
    content = data.read_text()
    result = quick("inspect", tmp_path / "*.csv", "--log-file", data)
    refused(result, "--log-file", data, content)


@pytest.mark.parametrize("output", ["--rejects", "--log-file"])
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_model_is_not_asked_to_write_to_its_input(quick, data, themes_model, command, output):
    content = data.read_text()
    refused(quick(command, themes_model, data, output, data), output, data, content)


def test_predictions_do_not_replace_their_texts(quick, data, themes_model):
    content = data.read_text()
    refused(quick("predict", themes_model, data, "-o", data), "--output", data, content)


def test_predictions_do_not_replace_standard_input(textclf, data, themes_model):
    content = data.read_text()
    with data.open() as file:
        result = textclf("predict", themes_model, "-o", data, stdin=file)
    refused(result, "--output", data, content)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_files_of_a_dataset_are_inputs(quick, tmp_path, data, output):
    (tmp_path / "ag_news").mkdir()
    file, content = tmp_path / "ag_news" / "train.csv", data.read_text()
    file.write_text(content)
    job = ["train", "--dataset", "ag_news", "--data-dir", tmp_path]
    refused(quick(*job, output, file), output, file, content)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("option", ["--config", "--dataset"])
def test_a_configuration_is_an_input(quick, tmp_path, data, output, option):
    config = tmp_path / "mine.toml"
    config.write_text("[training]\nepochs = 2\n")
    files = ["--train-file", data] if option == "--config" else []
    job = ["train", *files, option, config, output, config]
    refused(quick(*job), output, config, "[training]\nepochs = 2\n")


def test_a_device_may_be_read_and_written(textclf, themes_model):
    result = textclf("predict", themes_model, "/dev/null", "-o", "/dev/null")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "model.safetensors"])
def test_nothing_is_written_over_a_model(quick, data, themes_model, name):
    file = themes_model / name
    content = file.read_bytes()
    result = quick("predict", themes_model, data, "-o", file)
    assert result.returncode == 2
    assert "--output would overwrite a part of a model" in result.stderr
    assert file.read_bytes() == content


def test_a_file_beside_a_model_may_be_written(quick, data, themes_model):
    assert quick("predict", themes_model, data, "-o", themes_model / "new.tsv").returncode == 0
    (themes_model / "new.tsv").unlink()


def test_two_outputs_are_two_files(quick, tmp_path, data, themes_model):
    outputs = ["--rejects", tmp_path / "out", "-o", tmp_path / "." / "out"]
    result = quick("predict", themes_model, data, *outputs)
    assert result.returncode == 2
    assert "--rejects and --output name one file" in result.stderr
    assert not (tmp_path / "out").exists()
