"""The line that `textclf schedule` prints, in the crontab of a real cron daemon."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from textclf.classifier import Classifier

CRON = shutil.which("cron", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
TAB = Path("/etc/cron.d/textclf-test")
_PATIENCE = 240  # seconds: one minute at most until it begins, then the training
_TIMES = "30 3 * * * "


@pytest.fixture
def cron():
    """Return a function that gives a line to a cron daemon; at the end both are gone."""
    if CRON is None:
        pytest.skip("there is no cron daemon")
    if os.geteuid() != 0:
        pytest.skip("only root may start a cron daemon")
    if not os.access(TAB.parent, os.W_OK):
        pytest.skip(f"{TAB.parent} cannot be written")
    started: list[subprocess.Popen[bytes]] = []

    def install(line):
        TAB.write_text(f'MAILTO=""\n{line}\n')
        TAB.chmod(0o644)
        # Of its own session: what it starts can be ended with it.
        daemon = subprocess.Popen(
            [CRON, "-f"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env={}, cwd="/", start_new_session=True,
        )  # fmt: skip
        started.append(daemon)
        time.sleep(1)
        if daemon.poll() is not None:  # another one, which reads the crontab too, is running
            said = daemon.stderr.read().decode()
            if "lock" not in said:
                pytest.skip(f"cron does not start: {said.strip()}")

    try:
        yield install
    finally:
        TAB.unlink(missing_ok=True)
        for daemon in started:
            if daemon.poll() is None:
                os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(30)


def test_a_cron_daemon_trains_and_publishes_by_the_line_that_schedule_prints(
    textclf, cron, tmp_path
):
    models, log, left = tmp_path / "my models", tmp_path / "log.txt", tmp_path / "left"
    printed = textclf(
        "schedule", "--at", "03:30", "--dataset", "sample", "--models-dir", models,
        "--log-file", log, "--log-format", "json", "--set", "training.epochs=1",
    )  # fmt: skip
    line = next(line for line in printed.stdout.splitlines() if line.startswith(_TIMES))
    # As printed, but for the time, the user that system-wide crontabs name, and what notes down
    # how it ended. The folder that it makes keeps the second minute from training again.
    command = line.removeprefix(_TIMES)
    said, code = tmp_path / "said", tmp_path / "code"
    noted = f"mkdir '{left}' && {{ env >'{left}/env'; {command}; }} >'{said}' 2>&1; "
    cron(f"* * * * * root [ -e '{left}' ] || {{ {noted} echo $? >'{code}'; }}")
    deadline = time.monotonic() + _PATIENCE
    while not (code.exists() and code.read_text()):
        assert time.monotonic() < deadline, said.read_text() if said.exists() else "it never began"
        time.sleep(0.5)
    assert (code.read_text(), said.read_text()) == ("0\n", "")
    environment = dict(v.split("=", 1) for v in (left / "env").read_text().splitlines())
    assert environment["PATH"] == "/usr/bin:/bin"
    assert not {"LANG", "LC_ALL", "VIRTUAL_ENV"} & environment.keys()
    run = (models / "sample" / "current").resolve().name
    assert f'"run": "{run}"' in log.read_text().splitlines()[-1]
    model = Classifier.load(models / "sample" / "current")
    assert set(model.predict(["I was charged twice", "the parcel is late"])) <= set(model.labels)
    assert {p.name for p in (models / "sample").glob(".*")} <= {".lock", ".published"}
