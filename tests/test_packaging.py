"""What an installation leaves in site-packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A copy, as building writes beside the sources.
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def test_a_wheel_puts_only_textclf_into_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"textclf"}


@pytest.mark.parametrize(
    "name",
    [
        "textclf/cli/main.py",
        "textclf/configs/ag_news.toml",
        "textclf/data/sample/train.csv",
        "textclf/ngrams/unicode.npz",
        "textclf/py.typed",
    ],
)
def test_a_wheel_holds_the_command_the_configs_and_the_sample(wheel, name):
    assert name in zipfile.ZipFile(wheel).namelist()


def test_every_package_of_the_checkout_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for module in (ROOT / "textclf").rglob("*.py"):
        assert f"textclf/{module.relative_to(ROOT / 'textclf')}" in names
    for module in (ROOT / "cli").rglob("*.py"):
        assert f"textclf/cli/{module.relative_to(ROOT / 'cli')}" in names
