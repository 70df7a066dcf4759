"""Jobs with a stand-in for the network, see quick.py, and what they leave."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

QUICK = [sys.executable, str(Path(__file__).with_name("quick.py"))]
WORDS = {"good": ["fine", "great", "lovely"], "bad": ["awful", "poor", "dull"]}
# A small model, for runs made by hand.
MODEL = Path(__file__).parents[1] / "fixtures" / "models" / "format-2-int8" / "model"
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def write_rows(path, n=400, seed=1, flipped=0.0):
    draw = random.Random(seed)
    with path.open("w") as file:
        file.write("label,text\n")
        for _ in range(n):
            label = draw.choice(sorted(WORDS))
            text = " ".join(
                [draw.choice(WORDS[label]), *draw.choices(["a", "the", "film", "it", "was"], k=5)]
            )
            if draw.random() < flipped:
                label = "good" if label == "bad" else "bad"
            file.write(f"{label},{text}\n")
    return path


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TEXTCLF_")}
    kept["TEXTCLF_CACHE_DIR"] = os.environ["TEXTCLF_CACHE_DIR"]
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])} | more


def runs(tmp_path):
    folder = tmp_path / "models" / "films"
    found = [p for p in folder.iterdir() if RUN_ID.fullmatch(p.name)]
    return sorted(found, key=lambda run: (run / "metrics.json").stat().st_mtime_ns)


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def hidden(tmp_path):
    found = (p.name for p in (tmp_path / "models" / "films").glob(".*"))
    return [name for name in found if name not in (".lock", ".published")]


def published(tmp_path):
    return (tmp_path / "models" / "films" / "current").resolve().name


def heed_hangup():
    """Undo the nohup that the tests may run under."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def begun(job, *more, step="0.3", wait_for="training", prefix=(), **variables):
    """Start a job and wait until a stage has begun."""
    process = subprocess.Popen(
        [*prefix, *QUICK, *map(str, job), *more],
        env=environment(QUICK_STEP=step, **variables), preexec_fn=heed_hangup,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if wait_for in line:
            return process
    raise AssertionError("it never began")


def one_line(result, code, said):
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
