"""The command, run as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unattended_jobs import QUICK, write_rows

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def textclf() -> Command:
    """Run `textclf` with arguments in a process of its own; keywords go to subprocess.run."""

    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TEXTCLF_")}
        environment["TEXTCLF_CACHE_DIR"] = os.environ["TEXTCLF_CACHE_DIR"]
        environment |= options.pop("env", {})  # type: ignore[arg-type,call-overload]
        command = [sys.executable, "-m", "textclf", *map(str, args)]
        defaults = {"capture_output": True, "text": True, "timeout": 300, "env": environment}
        return subprocess.run(command, **(defaults | options))  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture(scope="session")
def models(textclf: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with one run of the sample in it."""
    folder = tmp_path_factory.mktemp("models")
    result = textclf("train", "--dataset", "sample", "--models-dir", folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "films.csv")


@pytest.fixture
def job(tmp_path, data):
    """Arguments of a job."""
    test = write_rows(tmp_path / "test.csv", 200, 2)
    return ["train", "--train-file", data, "--test-file", test, "--models-dir", tmp_path / "models"]


@pytest.fixture
def quick(monkeypatch, capfd):
    """Run the command with the stand-in, in this process."""
    import importlib.util

    from textclf.cli.main import main

    spec = importlib.util.spec_from_file_location("quick", QUICK[1])
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    stand_in.install(monkeypatch.setattr)

    def run(*arguments, env=None):
        code = 0
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            try:
                main([*map(str, arguments)])
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run
