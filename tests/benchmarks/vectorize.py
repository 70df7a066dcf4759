"""How fast text becomes numbers, in MB/s: python -m tests.benchmarks.vectorize."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import measure, results
from .contenders.stages import rows
from .contenders.vectorizers import WAYS
from .peers import find, plain_copy
from .tables import table


def run_way(way: str, file: Path, timeout: float | None) -> dict[str, Any]:
    """Return the seconds of one way, or why it failed."""
    script = [sys.executable, "-m", "tests.benchmarks.contenders.vectorizers", way, str(file)]
    command = ["wc", "-w", str(file)] if way == "wc -w" else script
    cost = measure.run(command, timeout=timeout)
    found: dict[str, Any] = {"contender": way}
    if cost.reason:
        return found | {"failed": cost.reason}
    seconds = {"wall": cost.wall, "cpu": cost.cpu} if way == "wc -w" else json.loads(cost.stdout)
    found |= seconds | {"peak_rss_bytes": cost.peak_rss_bytes}
    return found | {"megabytes_per_second": file.stat().st_size / 1e6 / seconds["wall"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each way round by round; save JSON and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vectorize")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--rows", type=int, help="so many rows, drawn at random")
    parser.add_argument("--timeout", type=float, help="seconds a process may take")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(arguments)
    measure.end_with_children()
    output = args.output or results.FOLDER / f"vectorize-{args.dataset}.json"
    with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as name:
        file = Path(name) / "train.csv"
        plain_copy(find(args.data_dir / args.dataset, "train"), file, args.rows)
        counts = {"train": sum(1 for _ in rows(file))}
        document = results.document("vectorize", args.dataset, counts, vars(args))
        for turn in range(args.repeat):
            for way in (*WAYS, "wc -w"):
                found = run_way(way, file, args.timeout)
                document["runs"].append({"round": turn + 1, **found})
                results.save(document, output)
    print(table(document))


if __name__ == "__main__":
    main()
