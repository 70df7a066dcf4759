"""The command, run as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def textclf() -> Command:
    """Run `textclf` with arguments in a process of its own; keywords go to subprocess.run."""

    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TEXTCLF_")}
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
