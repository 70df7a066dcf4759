"""Compare benchmarks with the last accepted ones: python -m tests.benchmarks.check [FILES...]

It fails where textclf's cost relative to a peer's grew by more than a quarter, or its accuracy fell
by more than 0.3 points. `--accept` keeps the files as the accepted ones instead.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .results import FOLDER, SUBJECTS

ACCEPTED = Path(__file__).parent / "accepted"
MOST_WORSE, MOST_LOST = 1.25, 0.003


def regressions(accepted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a line for each ratio and accuracy that is too much worse than it was."""
    lines = []
    for subject, peers in accepted.get("ratios", {}).items():
        for peer, costs in peers.items():
            for cost, before in costs.items():
                now = found["ratios"].get(subject, {}).get(peer, {}).get(cost)
                if now is not None and now["median"] > MOST_WORSE * before["median"]:
                    lines.append(
                        f"{subject} / {peer}: {cost} {before['median']:.3g} -> {now['median']:.3g}"
                    )
    for subject in SUBJECTS:
        before = accepted.get("summary", {}).get(subject, {}).get("accuracy")
        entry = found["summary"].get(subject, {})
        if before is None or not entry:
            continue
        if "accuracy" not in entry:
            lines.append(f"{subject}: failed: {entry.get('failed', 'no accuracy')}")
        elif before["median"] - entry["accuracy"]["median"] > MOST_LOST + 1e-9:
            lines.append(
                f"{subject}: accuracy {before['median']:.4f} -> {entry['accuracy']['median']:.4f}"
            )
    return lines


def comparable(accepted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether both were measured on as many rows of the same data."""
    return all(accepted[key] == found[key] for key in ("benchmark", "dataset", "rows"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, or accept; exit with 1 if something is worse, with 2 if nothing was compared."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.check")
    parser.add_argument("files", nargs="*", type=Path, help=f"by default those in {FOLDER}")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED)
    parser.add_argument("--accept", action="store_true")
    args = parser.parse_args(arguments)
    files = args.files or sorted(FOLDER.glob("*.json"))
    worse: list[str] = []
    compared = 0
    for file in files:
        kept = args.accepted / file.name
        if args.accept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, kept)
            continue
        if not kept.exists():
            print(f"{file.name}: nothing accepted to compare with", file=sys.stderr)
            continue
        before, now = json.loads(kept.read_text("utf-8")), json.loads(file.read_text("utf-8"))
        if "ratios" not in before:  # an ablation compares with no peer
            continue
        if not comparable(before, now):
            print(f"{file.name}: measured on other rows than {kept}", file=sys.stderr)
            continue
        compared += 1
        worse += [f"{file.name}: {line}" for line in regressions(before, now)]
    if args.accept and files:
        return
    print("\n".join(worse) or f"{compared} compared, none is worse")
    if worse:
        sys.exit(1)
    if not compared:
        sys.exit(2)


if __name__ == "__main__":
    main()
