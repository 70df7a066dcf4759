"""Train and test textclf and its peers in turn, as whole processes, on the same files.

python -m tests.benchmarks.peers --data-dir DIR --dataset NAME [--repeat N]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import measure, results
from .contenders import CONTENDERS, DEFAULT, Contender, select
from .contenders.stages import cells, read, rows, scores, write_lines

_COLD_STARTS = 3


def find(folder: Path, part: str) -> Path:
    """Return the CSV of a part, plain or gzipped.

    Raises:
        SystemExit: If there is none.
    """
    for name in (f"{part}.csv", f"{part}.csv.gz"):
        if (folder / name).exists():
            return folder / name
    raise SystemExit(f"{folder}: neither {part}.csv nor {part}.csv.gz is there")


def plain_copy(source: Path, target: Path, most: int | None) -> None:
    """Write the rows as label and one-line texts, unpacked; with `most`, that many at random."""
    if source.suffix == ".gz":
        unpacked = target.with_suffix(".unpacked")
        with gzip.open(source) as packed, unpacked.open("wb") as out:
            shutil.copyfileobj(packed, out)
        source = unpacked
    plain: Iterable[list[str]] = ([" ".join(cell.split()) for cell in row] for row in cells(source))
    if most is not None:
        everything = list(plain)
        plain = random.Random(1).sample(everything, min(most, len(everything)))
    with target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(plain)


def measure_training(
    contender: Contender, train: Path, test: Path, work: Path, timeout: float | None
) -> dict[str, Any]:
    """Train and test in one process; return its figures, or the reason of its failure."""
    cost = measure.run(contender.training(train, test, work), timeout=timeout)
    found: dict[str, Any] = {"contender": contender.name, "wall": cost.wall, "cpu": cost.cpu}
    if cost.reason:
        return found | {"failed": cost.reason}
    try:
        answered: dict[str, Any] = json.loads(cost.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return found | {"failed": "it printed no JSON object at the end"}
    stages = answered["stages"]
    stages["other"] = {
        kind: whole - sum(stage[kind] for stage in stages.values())
        for kind, whole in (("wall", cost.wall), ("cpu", cost.cpu))
    }
    return found | {"peak_rss_bytes": cost.peak_rss_bytes} | answered


def measure_prediction(
    contender: Contender, found: dict[str, Any], test: Path, work: Path, lines: int,
    timeout: float | None,
) -> dict[str, Any]:  # fmt: skip
    """Return cold start and predictions a second of a trained model, or why there are none.

    The second is the lines beyond one over the seconds beyond a cold start.
    """
    true, texts = read(test)
    one, many, labels = work / "one.txt", work / "many.txt", work / "labels.txt"
    write_lines(one, texts[:1])
    write_lines(many, (texts * (lines // len(texts) + 1))[: max(lines, len(texts))])
    model, starts = Path(found["model"]), []
    for source in [one] * _COLD_STARTS + [many]:
        cost = measure.run(contender.prediction(model, source, labels), timeout=timeout)
        if cost.reason:
            return {"failed": f"predict: {cost.reason}"}
        starts.append(cost.wall)
    *starts, bulk = starts
    cold = results.median(starts)
    told = [line.split("\t")[0] for line in labels.read_text("utf-8").splitlines()]
    again = scores(true, told[: len(true)])["accuracy"]
    rate = (len(told) - 1) / (bulk - cold) if bulk > cold else None
    return {
        "cold_start": cold,
        "predictions_per_second": rate,
        "seconds_per_prediction": None if rate is None else 1 / rate,
        "predict_peak_rss_bytes": cost.peak_rss_bytes,
        "predict_accuracy": again,
    }


def run_one(
    contender: Contender, train: Path, test: Path, folder: Path, lines: int, timeout: float | None
) -> dict[str, Any]:
    """Measure a contender in a folder of its own, which is removed."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        found = measure_training(contender, train, test, work, timeout)
        if "failed" not in found and lines:
            found |= measure_prediction(contender, found, test, work, lines, timeout)
    found.pop("model", None)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure round by round, print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument(
        "--contenders", "--peers", dest="contenders", default=",".join(DEFAULT),
        help=f"comma-separated, of fasttext (all its learning rates), {', '.join(CONTENDERS)}",
    )  # fmt: skip
    parser.add_argument("--rows", type=int, help="train on so many rows, drawn at random")
    parser.add_argument("--predict-rows", type=int, default=100_000, help="0: do not predict")
    parser.add_argument("--timeout", type=float, help="seconds a process may take")
    parser.add_argument("--warm-up", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(arguments)
    measure.end_with_children()
    try:
        chosen = select(args.contenders)
    except ValueError as error:
        parser.error(str(error))
    output = args.output or results.FOLDER / f"peers-{args.dataset}.json"
    source = args.data_dir / args.dataset
    with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as name:
        folder = Path(name)
        train, test = folder / "train.csv", folder / "test.csv"
        plain_copy(find(source, "train"), train, args.rows)
        plain_copy(find(source, "test"), test, args.rows)
        counts = {"train": sum(1 for _ in rows(train)), "test": sum(1 for _ in rows(test))}
        document = results.document("peers", args.dataset, counts, vars(args))
        if args.warm_up:  # kernels are compiled, libraries are in the page cache
            plain_copy(test, folder / "few.csv", 1000)
            for contender in chosen:
                _say(f"warm-up: {contender.name}")
                run_one(contender, folder / "few.csv", folder / "few.csv", folder, 1, args.timeout)
        for turn in range(args.repeat):
            first = turn % len(chosen)  # nobody always runs after the same one
            for contender in chosen[first:] + chosen[:first]:
                found = run_one(contender, train, test, folder, args.predict_rows, args.timeout)
                document["runs"].append({"round": turn + 1, **found})
                results.save(document, output)
                said = found.get("failed") or f"accuracy {found['accuracy']:.4f}"
                _say(f"round {turn + 1}: {contender.name}: {found['wall']:.1f} s, {said}")
    _say(f"saved as {output}")
    from .tables import table

    print(table(document))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
