"""textclf and its peers, cross-validated on training rows: python -m tests.benchmarks.folds.

Each row is judged once, by models that were trained without it. So many more rows are judged than a
test file has, and the test files are not read.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import measure, results
from .contenders import FASTTEXT
from .contenders.stages import cells
from .kinds import CONTENDERS, measure_set
from .peers import find, plain_copy
from .sets import write_parts
from .tables import markdown

_SETS = "ag_news,amazon_full,amazon_polarity,dbpedia,yelp_full,yelp_polarity,yelp_sentences"
_WAYS = {
    "textclf": ("textclf",),
    "fastText": FASTTEXT,
    "Vowpal Wabbit": ("vw",),
    "LinearSVC": ("svc", "svc-sublinear"),
}


def errors(folds: Sequence[Mapping[str, Any]]) -> tuple[Counter[str], int]:
    """Return the errors of each over all folds, and in how many textclf makes the fewest.

    Where one was tried in several ways, the way of the fewest errors over all folds is shown, and
    compared with in each fold; a way that failed in a fold is left out.
    """
    made: dict[str, list[int]] = {}
    for fold in folds:
        for run in fold["runs"]:
            if "accuracy" in run:
                wrong = round((1 - run["accuracy"]) * fold["rows"]["test"])
                made.setdefault(run["contender"], []).append(wrong)
    whole = {name: found for name, found in made.items() if len(found) == len(folds)}
    shown = {
        title: min((whole[name] for name in names if name in whole), key=sum)
        for title, names in _WAYS.items()
        if not whole.keys().isdisjoint(names)
    }
    fewest = sum(own < min(peers) for own, *peers in zip(*shown.values(), strict=True))
    return Counter({title: sum(found) for title, found in shown.items()}), fewest


def table(document: Mapping[str, Any]) -> str:
    """Return the errors, a line a set, as Markdown."""
    lines, fewer = [], []
    for name, folds in sorted(document["sets"].items()):
        made, fewest = errors(folds)
        best = min(n for title, n in made.items() if title != "textclf")
        fewer.append(1 - made["textclf"] / best)
        rows = sum(fold["rows"]["test"] for fold in folds)
        figures = [f"{made[title]:,}" if title in made else "" for title in _WAYS]
        lines.append(
            [name, f"{rows:,}", *figures, f"{fewer[-1]:+.1%}", f"{fewest} of {len(folds)}"]
        )
    lines.append(["mean", "", *[""] * len(_WAYS), f"{sum(fewer) / len(fewer):+.1%}", ""])
    header = ["errors", "rows", *_WAYS, "fewer errors", "folds with the fewest"]
    return markdown(header, lines)


def split(source: Path, folder: Path, n: int) -> list[Path]:
    """Write `n` folders, each with the rows of one fold as test.csv and all others as train.csv."""
    everything = folder / "all.csv"
    plain_copy(source, everything, None)
    rows = list(cells(everything))
    random.Random(1).shuffle(rows)
    folders = [folder / f"{source.parent.name}-{i + 1}" for i in range(n)]
    for i, fold in enumerate(folders):
        others = [row for j, row in enumerate(rows) if j % n != i]
        write_parts(fold, others, rows[i::n])
    return folders


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure set by set, fold by fold; save JSON and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.folds")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--datasets", default=_SETS)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--contenders", default=CONTENDERS)
    parser.add_argument("--timeout", type=float, help="seconds a process may take")
    parser.add_argument("--output", type=Path, default=results.FOLDER / "folds.json")
    args = parser.parse_args(arguments)
    measure.end_with_children()
    document = results.document("folds", args.data_dir.name, {}, vars(args)) | {"sets": {}}
    for name in args.datasets.split(","):
        found = document["sets"][name] = []
        with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as temporary:
            source = find(args.data_dir / name, "train")
            for fold in split(source, Path(temporary), args.folds):
                found.append(measure_set(fold, args.contenders, args.timeout))
                results.write(document, args.output)
    print(table(document))


if __name__ == "__main__":
    main()
