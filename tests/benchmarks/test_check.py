"""What counts as worse than the accepted figures."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import check
from tests.benchmarks.results import ratios, summary


def _document(wall: float, accuracy: float) -> dict[str, Any]:
    runs = [
        {"round": 1, "contender": "textclf", "wall": wall, "accuracy": accuracy},
        {"round": 1, "contender": "svc", "wall": 10.0, "accuracy": 0.9},
    ]
    return {
        "benchmark": "peers", "dataset": "made up", "rows": {"train": 1}, "runs": runs,
        "summary": summary(runs), "ratios": ratios(runs),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wall", "accuracy", "worse"),
    [
        (5.0, 0.92, 0),
        (6.2, 0.92, 0),
        (6.3, 0.92, 1),
        (1.0, 0.918, 0),
        (1.0, 0.916, 1),
        (9.0, 0.5, 2),
    ],
)
def test_a_quarter_more_or_a_third_of_a_point_less_is_worse(
    wall: float, accuracy: float, worse: int
) -> None:
    assert len(check.regressions(_document(5.0, 0.92), _document(wall, accuracy))) == worse


def test_slower_machines_are_not_worse() -> None:
    slower = copy.deepcopy(_document(5.0, 0.92)["runs"])
    for run in slower:
        run["wall"] *= 3
    found = {"summary": summary(slower), "ratios": ratios(slower)}
    assert check.regressions(_document(5.0, 0.92), found) == []


def test_a_failed_textclf_is_worse() -> None:
    runs = [{"round": 1, "contender": "textclf", "wall": 1.0, "failed": "no"}]
    found = {"summary": summary(runs), "ratios": ratios(runs)}
    assert check.regressions(_document(5.0, 0.92), found) == ["textclf: failed: no"]


def test_ratios_are_of_the_same_round() -> None:
    runs = [
        {"round": r, "contender": name, "wall": wall * slow}
        for r, slow in ((1, 1.0), (2, 5.0))
        for name, wall in (("textclf", 4.0), ("svc", 2.0))
    ]
    expected = {"median": 2.0, "low": 2.0, "high": 2.0}
    assert ratios(runs)["textclf"]["svc"]["wall"] == expected


def test_the_exit_code_says_what_was_found(tmp_path: Path) -> None:
    accepted, file = tmp_path / "accepted", tmp_path / "peers-x.json"
    options = [str(file), "--accepted", str(accepted)]
    file.write_text(json.dumps(_document(5.0, 0.92)))
    with pytest.raises(SystemExit, match="2"):
        check.main(options)
    check.main([*options, "--accept"])
    check.main(options)
    file.write_text(json.dumps(_document(50.0, 0.92)))
    with pytest.raises(SystemExit, match="1"):
        check.main(options)


def test_an_ablation_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "accepted").mkdir()
    peers = _document(5.0, 0.92)
    ablation = {"benchmark": "ablation", "dataset": "made up", "rows": {"train": 1}, "choices": {}}
    files = []
    for name, document in {"peers.json": peers, "ablation.json": ablation}.items():
        files.append(str(tmp_path / name))
        for folder in (tmp_path, tmp_path / "accepted"):
            (folder / name).write_text(json.dumps(document))
    check.main([*files, "--accepted", str(tmp_path / "accepted")])
    assert capsys.readouterr().out == "1 compared, none is worse\n"
