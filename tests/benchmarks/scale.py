"""Cost and memory as the corpus and its vocabulary grow: python -m tests.benchmarks.scale."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import measure, results, zipf
from .contenders import select
from .peers import run_one
from .tables import table

TEST_ROWS = 2000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each contender at each size; a JSON file a size."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale")
    parser.add_argument("--rows", type=int, default=20_000, help="rows at 1x")
    parser.add_argument("--factors", default="1,3,10,30")
    parser.add_argument("--contenders", "--peers", default="textclf,fasttext-0.5,vw,svc")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--timeout", type=float, help="seconds a process may take")
    parser.add_argument("--output", type=Path, default=results.FOLDER, help="folder")
    args = parser.parse_args(arguments)
    measure.end_with_children()
    try:
        chosen = select(args.contenders)
    except ValueError as error:
        parser.error(str(error))
    for factor in [int(part) for part in args.factors.split(",")]:
        with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as name:
            folder = Path(name)
            train, test = folder / "train.csv", folder / "test.csv"
            zipf.write(train, factor * args.rows, seed=1)
            zipf.write(test, TEST_ROWS, seed=2)
            counts = {"train": factor * args.rows, "test": TEST_ROWS}
            document = results.document("scale", f"zipf {factor}x", counts, vars(args))
            document["train_bytes"] = train.stat().st_size
            for turn in range(args.repeat):
                for contender in chosen:
                    found = run_one(contender, train, test, folder, 0, args.timeout)
                    document["runs"].append({"round": turn + 1, **found})
                    results.save(document, args.output / f"scale-{factor}x.json")
        print(table(document), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
