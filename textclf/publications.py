"""What was published of a model's runs, one after the other, and what was gone back from.

It is written down as events: the id of a run that was published, `-` and the id of one that was
gone back from, and `+` and the id of the one that is published next. Whether that was, and what was
done by hand or just before a kill, tells the link to the published run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

_BACK, _NEXT = "-", "+"


def events(
    written: Sequence[str] | None, runs: Sequence[str], passed: Sequence[str], current: str | None
) -> list[str]:
    """Return what happened until now.

    Args:
        written: What is written down; None if nothing is: then those were published that passed,
            up to the published one.
        runs: Ids of the runs that are there.
        passed: Of those, the ones that a quality gate let pass, in the order in which they began.
        current: The published one.
    """
    if written is None:
        until = passed.index(current) + 1 if current in passed else len(passed)
        found = [*passed[:until]]
    else:
        found = [event for event in written if event.lstrip(_BACK + _NEXT) in runs]
    if found and found[-1].startswith(_NEXT) and (run := found.pop()[1:]) == current:
        return [*(event for event in found if event.lstrip(_BACK) != run), run]
    known = published(found)
    if current in known:
        left = known[known.index(current) + 1 :]
        return found + [_BACK + run for run in reversed(left)]
    return found if current is None else [*found, current]


def announced(found: Sequence[str], run: str) -> list[str]:
    """Return events, and that a run is published next."""
    return [*found, _NEXT + run]


def published(found: Sequence[str]) -> list[str]:
    """Return the runs that were published one after the other, without those gone back from."""
    runs = list[str]()
    for event in found:
        run = event.removeprefix(_BACK)
        if run in runs:
            runs.remove(run)
        if event == run:
            runs.append(run)
    return runs


def gone_back_from(found: Sequence[str]) -> list[str]:
    """Return the runs gone back from since one was published, the one published last first."""
    back = [*takewhile(lambda event: event.startswith(_BACK), reversed(found))]
    return [event.removeprefix(_BACK) for event in reversed(back)]
