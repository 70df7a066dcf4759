"""The command as a whole: quick, helpful, and light on imports."""

import os
import subprocess
import sys

import pytest


def test_help_names_every_command(textclf):
    result = textclf("--help")
    assert result.returncode == 0
    for name in ("train", "predict", "evaluate", "datasets", "runs"):
        assert f"  {name} " in result.stdout


@pytest.mark.parametrize("name", ["train", "predict", "evaluate", "datasets", "runs"])
def test_every_command_has_help(textclf, name):
    assert "Usage: textclf" in textclf(name, "--help").stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["predict", "--help"], ["evaluate", "--help"]]
)
def test_help_imports_nothing_heavy(arguments):
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textclf", *arguments],
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "click" in imported
    heavy = {"tensorflow", "keras", "numba", "scipy", "sklearn", "pandas", "pyarrow", "numpy"}
    assert not heavy & imported


def test_a_wrong_command_is_answered_with_the_nearest(textclf):
    result = textclf("trian")
    assert result.returncode == 2
    assert "Did you mean 'train'?" in result.stderr


@pytest.mark.parametrize("group", [[], ["datasets"], ["runs"]])
def test_a_command_of_commands_alone_is_answered_with_its_help(textclf, group):
    result = textclf(*group)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == textclf(*group, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["predict"], "Missing argument 'MODEL'"),
        (["schedule"], "Missing option '--at'"),
        (["predict", "a", "b", "c"], "unexpected extra argument"),
    ],
)
def test_a_mistake_in_usage_is_one_line_that_says_where_usage_stands(textclf, arguments, wrong):
    result = textclf(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("textclf: ")
    assert wrong in result.stderr
    assert result.stderr.endswith(f"; see 'textclf {arguments[0]} --help'\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("stray", "meant"), [("rows.csv", "--train-file rows.csv"), ("sample", "--dataset sample")]
)
def test_what_train_was_given_without_an_option_is_answered_with_the_option(textclf, stray, meant):
    result = textclf("train", stray)
    assert result.returncode == 2
    assert result.stderr.endswith(f"did you mean {meant}?\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_finds_no_room_is_one_line_and_code_73(textclf, tmp_path, unbuffered):
    from textclf.errors import OutputError

    environment = {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = textclf(
            "datasets", "list", env=environment, capture_output=False, stdout=full,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    assert result.returncode == OutputError.exit_code == 73
    assert result.stderr.count("\n") == 1
    # A file may take a part of it only.
    limited = 'ulimit -f 1; exec "$@" > out'
    result = subprocess.run(
        ["bash", "-c", limited, "-", sys.executable, "-m", "textclf", "train", "--help"],
        cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 73


def test_a_model_goes_by_its_run_its_folder_and_its_name(textclf, models):
    said = {
        textclf("predict", model, input="my parcel is late\n", cwd=models, env=environment).stdout
        for model, environment in [
            (models / "sample" / "current", {}),
            (models / "sample", {}),
            ("sample", {"TEXTCLF_MODELS_DIR": str(models)}),
        ]
    }
    assert len(said) == 1
    assert next(iter(said)).startswith("delivery\t")


def test_figures_beside_a_bar_are_those_that_fit():
    from textclf.cli.bars import fitting

    figures = {"loss": 0.5, "accuracy": 0.9, "val_loss": 0.4, "val_accuracy": 0.91, "epoch": 2}
    assert fitting(figures, 26) == "epoch 2  val_loss 0.4"
    assert fitting(figures, 6) == ""
    assert len(fitting(figures, 200).split()) == 2 * len(figures)


def test_version(textclf):
    assert textclf("--version").stdout.startswith("textclf, version ")


def test_the_shell_completes_commands_and_options(textclf):
    words = {"COMP_WORDS": "textclf train --val", "COMP_CWORD": "2"}
    result = textclf(env={"_TEXTCLF_COMPLETE": "bash_complete", **words})
    assert result.stdout == "plain,--validation-file\n"
    script = textclf(env={"_TEXTCLF_COMPLETE": "bash_source"}).stdout
    done = subprocess.run(["bash", "-c", f"{script}\ncomplete -p textclf"], capture_output=True)
    assert b"_textclf_completion" in done.stdout, done.stderr


def test_python_m_and_the_script_are_the_same():
    from textclf.cli.main import cli, main

    assert callable(main)
    assert cli.name == "cli"


def test_columns_are_aligned_where_characters_are_wide():
    from textclf.cli.figures import table

    assert table([["日本", "1"], ["a", "10"]], ["x", "rows"]).splitlines() == [
        "x     rows",
        "日本     1",
        "a       10",
    ]


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_products_take_one_thread_unless_told_otherwise(given, threads):
    """The blocks share the cores; a second thread of each product would only wait, busily."""
    code = (
        "import sys; from textclf.cli import main\n"
        "sys.argv = ['textclf', '--version']\n"
        "try: main.run()\n"
        "except SystemExit: pass\n"
        "import numpy, threadpoolctl\n"
        "found = [p['num_threads'] for p in threadpoolctl.threadpool_info()]\n"
        "assert set(found) <= {int(sys.stdin.read())}, found\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")} | given
    result = subprocess.run(
        [sys.executable, "-c", code], input=str(threads), text=True, env=environment,
        capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
