"""What each choice in the default buys: python -m tests.benchmarks.ablation --data-dir DIR.

Each choice is taken back alone. All are trained on the same nine tenths of a corpus' training rows
and judged on the last tenth; the test files are not read.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import measure, results
from .contenders.stages import cells
from .peers import find, plain_copy
from .tables import markdown

DEFAULT = "default"
CHOICES: dict[str, tuple[str, tuple[str, ...]]] = {
    DEFAULT: ("the default", ()),
    "words": ("no punctuation, no one-letter words", ("ngrams.tokens=words",)),
    "subwords": ("no parts of words", ("ngrams.subwords=0",)),
    "affixes": ("no beginnings and ends of words", ("ngrams.affixes=false",)),
    "as_written": ("no words as they are written", ("ngrams.as_written=false",)),
    "boundaries": ("no beginnings and ends of texts", ("ngrams.boundaries=false",)),
    "bigrams": ("n-grams of 1 and 2 words, not 3", ("ngrams.max_n=2",)),
    "unigrams": ("single words", ("ngrams.max_n=1",)),
    "features": ("20,000 n-grams, not 300,000", ("ngrams.max_features=20000",)),
    "tf": ("tf, not 1 + ln tf", ("ngrams.sublinear_tf=false",)),
    "ratios": ("tf-idf without log-count ratios", ("ngrams.log_count_ratio=false",)),
    "svm": ("no support vector machines", ("network.svm=false",)),
    "linear": ("no hidden layer", ("network.layers=1", "network.members=1")),
    "one": ("one network of 32 units", ("network.members=1", "network.units=32")),
    "margin": ("no margin", ("training.margin=0",)),
    "dropout": ("no dropout", ("network.dropout=0",)),
    "adam": ("Adam at 1e-3", ("training.optimizer=adam", "training.learning_rate=1e-3")),
    "averaging": ("the mean of an epoch's weights", ("training.averaged_steps=8",)),
    "loss": ("stopped by the loss before calibration", ("training.monitor=loss",)),
}


def split(source: Path, folder: Path, most: int | None) -> dict[str, int]:
    """Write train.csv and held_out.csv, and return their numbers of rows."""
    everything = folder / "all.csv"
    plain_copy(source, everything, most)
    draw = random.Random(1)
    counts = {"train": 0, "held_out": 0}
    with (folder / "train.csv").open("w") as train, (folder / "held_out.csv").open("w") as test:
        files = {"train": csv.writer(train), "held_out": csv.writer(test)}
        for row in cells(everything):
            part = "held_out" if draw.random() < 0.1 else "train"
            files[part].writerow(row)
            counts[part] += 1
    return counts


def measure_choice(
    overrides: Sequence[str], folder: Path, seeds: Sequence[int], timeout: float | None
) -> list[dict[str, Any]]:
    """Train once a seed; return the figures, or the reason of a failure."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as models:
            command = [
                sys.executable, "-m", "textclf", "train", "--json", "--quiet", "--no-header",
                "--train-file", str(folder / "train.csv"), "--no-cache",
                "--test-file", str(folder / "held_out.csv"),
                "--models-dir", models, "--name", "ablation", "--seed", str(seed),
            ]  # fmt: skip
            sets = [word for override in overrides for word in ("--set", override)]
            cost = measure.run([*command, *sets], timeout=timeout)
        run: dict[str, Any] = {"seed": seed, "cpu": cost.cpu, "peak_rss_bytes": cost.peak_rss_bytes}
        if cost.reason:
            found.append(run | {"failed": cost.reason})
            continue
        metrics = json.loads(cost.stdout)
        found.append(
            run | {"accuracy": metrics["test"]["accuracy"], "macro_f1": metrics["test"]["macro_f1"]}
        )
    return found


def table(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """Return, for each choice: errors, CPU seconds and memory relative to the default's."""
    names = list(dict.fromkeys(name for found in documents.values() for name in found["choices"]))
    lines = []
    for name in names:
        ratios: dict[str, list[float]] = {"errors": [], "cpu": [], "peak_rss_bytes": []}
        cells = []
        for found in documents.values():
            base, own = found["choices"][DEFAULT], found["choices"].get(name, [])
            if not own or any("failed" in run for run in [*base, *own]):
                cells.append("failed" if own else "")
                continue
            errors, usual = (_mean(runs, "accuracy", 1) for runs in (own, base))
            cells.append(f"{100 * errors:.2f}")
            ratios["errors"].append(errors / usual if usual else 1.0)
            for cost in ("cpu", "peak_rss_bytes"):
                ratios[cost].append(_mean(own, cost) / _mean(base, cost))
        means = [f"{sum(r) / len(r):.3f}" if r else "" for r in ratios.values()]
        lines.append([CHOICES[name][0], *means, *cells])
    header = ["", "errors", "CPU", "memory", *(f"{name}, errors in %" for name in documents)]
    return markdown(header, lines)


def _mean(runs: Sequence[Mapping[str, float]], figure: str, minus: float = 0.0) -> float:
    return sum(abs(minus - run[figure]) for run in runs) / len(runs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each choice on each dataset; a JSON file a dataset, and one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ablation")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--datasets", default="ag_news,yelp_full,amazon_polarity,dbpedia")
    parser.add_argument("--choices", default=",".join(CHOICES))
    parser.add_argument("--rows", type=int, help="use so many training rows, drawn at random")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each")
    parser.add_argument("--timeout", type=float, help="seconds a training may take")
    parser.add_argument("--output", type=Path, default=results.FOLDER, help="folder")
    args = parser.parse_args(arguments)
    chosen = list(dict.fromkeys([DEFAULT, *filter(None, args.choices.split(","))]))
    if unknown := [name for name in chosen if name not in CHOICES]:
        parser.error(f"no choice {unknown[0]}; there are {', '.join(CHOICES)}")
    measure.end_with_children()
    documents: dict[str, dict[str, Any]] = {}
    for dataset in args.datasets.split(","):
        with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as name:
            folder = Path(name)
            counts = split(find(args.data_dir / dataset, "train"), folder, args.rows)
            document = results.document("ablation", dataset, counts, vars(args)) | {"choices": {}}
            documents[dataset] = document
            for choice in chosen:
                seeds = range(1, args.seeds + 1)
                found = measure_choice(CHOICES[choice][1], folder, seeds, args.timeout)
                document["choices"][choice] = found
                results.write(document, args.output / f"ablation-{dataset}.json")
                said = [run.get("failed") or f"{run['accuracy']:.4f}" for run in found]
                print(f"{dataset}: {choice}: {', '.join(said)}", file=sys.stderr, flush=True)
    print(table(documents))


if __name__ == "__main__":
    main()
