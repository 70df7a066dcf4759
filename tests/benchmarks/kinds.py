"""The accuracy of textclf and its peers on many sets: python -m tests.benchmarks.kinds.

Each folder of --data-dir that holds train.csv and test.csv is a set; `debian` and `wheels` make
some. What a training costs is measured by `peers`; here they are only tested.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import measure, results
from .contenders import select
from .contenders.stages import rows
from .peers import find, plain_copy, run_one
from .tables import accuracies

CONTENDERS = "textclf,fasttext,vw,svc,svc-sublinear"
_KEPT = ("contender", "accuracy", "macro_f1", "failed")


def table(document: Mapping[str, Any]) -> str:
    """Return the accuracies, a line a set, as Markdown."""
    sets = [
        {"dataset": name, "rows": found["rows"], "summary": results.summary(found["runs"])}
        for name, found in sorted(document["sets"].items())
    ]
    return accuracies(sets)


def measure_set(source: Path, contenders: str, timeout: float | None) -> dict[str, Any]:
    """Train and test each contender once."""
    with tempfile.TemporaryDirectory(prefix="textclf-benchmark-") as name:
        folder = Path(name)
        files = {part: folder / f"{part}.csv" for part in ("train", "test")}
        for part, file in files.items():
            plain_copy(find(source, part), file, None)
        runs = []
        for contender in select(contenders):
            found = run_one(contender, files["train"], files["test"], folder, 0, timeout)
            runs.append({key: found[key] for key in _KEPT if key in found})
            said = found.get("failed") or f"accuracy {found['accuracy']:.4f}"
            print(f"{source.name}: {contender.name}: {said}", file=sys.stderr, flush=True)
        return {"rows": {p: sum(1 for _ in rows(f)) for p, f in files.items()}, "runs": runs}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure set by set; save JSON and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kinds")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--datasets", help="comma-separated; by default all")
    parser.add_argument("--contenders", default=CONTENDERS)
    parser.add_argument("--timeout", type=float, help="seconds a process may take")
    parser.add_argument("--output", type=Path, default=results.FOLDER / "kinds.json")
    args = parser.parse_args(arguments)
    measure.end_with_children()
    named = args.datasets.split(",") if args.datasets else None
    names = named or sorted(file.parent.name for file in args.data_dir.glob("*/train.csv*"))
    document = results.document("kinds", args.data_dir.name, {}, vars(args)) | {"sets": {}}
    for name in names:
        document["sets"][name] = measure_set(args.data_dir / name, args.contenders, args.timeout)
        results.write(document, args.output)
    print(table(document))


if __name__ == "__main__":
    main()
