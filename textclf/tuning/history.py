"""The trials of a search, on disk as Optuna's journal: what a kill leaves of it can be read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from .samples import FACTOR

_CHANGES, _FIGURES, _WHY = "changes", "figures", "why"


@dataclass(frozen=True)
class MeasuredTrial:
    """A trial that was measured on the largest part of the corpus.

    Attributes:
        number: The trial's; 0 is that of the settings that the search started from.
        changes: {section.key: value} of the settings that it changed.
        figures: What `worker.measure` said.
    """

    number: int
    changes: dict[str, Any]
    figures: dict[str, Any]


class History:
    """Asks Optuna for trials and tells it of them.

    A trial's proposal follows from the seed and the trials told before it: a search that was killed
    goes on as it would have without.

    Args:
        file: The journal; no other process has it open.
        seed: Of the proposals.
        start: The first trial's parameters.
    """

    def __init__(self, file: Path, seed: int, start: Mapping[str, Any]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        _repair(file)
        self._seed, self._start = seed, dict(start)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file))),
            study_name="tune",
            direction="maximize",
            load_if_exists=True,
        )
        self._lost: list[int] = self._study.user_attrs.get("lost", [])
        for trial in self._study.get_trials(states=[TrialState.RUNNING]):
            self._lost.append(trial.number)
            self._study.set_user_attr("lost", self._lost)
            self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def spent(self) -> float:
        """Seconds that the search took so far."""
        return float(self._study.user_attrs.get("spent", 0.0))

    @spent.setter
    def spent(self, seconds: float) -> None:
        self._study.set_user_attr("spent", seconds)

    @property
    def parts(self) -> int | None:
        """Parts of the corpus that trials are measured on; None before that is known."""
        return self._study.user_attrs.get("parts")

    @parts.setter
    def parts(self, count: int) -> None:
        self._study.set_user_attr("parts", count)

    def told(self) -> list[FrozenTrial]:
        """Return the trials that ended, but for those that ended with a search before them."""
        ended = self._study.get_trials(deepcopy=False)
        return [t for t in ended if t.state.is_finished() and t.number not in self._lost]

    def ask(self) -> optuna.Trial:
        """Begin a trial."""
        told = len(self.told())
        if told == 0:
            self._study.enqueue_trial(self._start)
        self._study.sampler = optuna.samplers.TPESampler(seed=self._seed + told)
        return self._study.ask()

    def known(self, changes: Mapping[str, Any], part: int) -> dict[str, Any] | None:
        """Return the figures of the same settings on the same part, if a trial had them before."""
        for trial in self.told():
            if trial.user_attrs.get(_CHANGES) == json.dumps(changes, sort_keys=True):
                found: dict[str, Any] | None = trial.user_attrs.get(f"{_FIGURES}-{part}")
                if found is not None:
                    return found
        return None

    def begin(self, trial: optuna.Trial, changes: Mapping[str, Any]) -> None:
        """Note what a trial changes."""
        trial.set_user_attr(_CHANGES, json.dumps(changes, sort_keys=True))

    def measured(self, trial: optuna.Trial, part: int, figures: Mapping[str, Any]) -> bool:
        """Note a trial's figures on a part; return whether it is worth measuring on the next.

        It is if it is among the best third there so far (asynchronous successive halving, Li et al.
        2020). Optuna's own pruner counts trials too that a kill ended, which are then made again.
        """
        name, accuracy = f"{_FIGURES}-{part}", figures["accuracy"]
        trial.set_user_attr(name, dict(figures))
        trial.report(accuracy, FACTOR**part)  # which the sampler looks at
        others = [t.user_attrs[name]["accuracy"] for t in self.told() if name in t.user_attrs]
        ranked = sorted([*others, accuracy], reverse=True)
        return bool(accuracy >= ranked[max(1, len(ranked) // FACTOR) - 1])

    def complete(self, trial: optuna.Trial, accuracy: float) -> None:
        """End a trial that was measured on the largest part."""
        self._study.tell(trial, accuracy)

    def stop_early(self, trial: optuna.Trial) -> None:
        """End a trial that was not worth more."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: optuna.Trial, why: str) -> None:
        """End a trial that could not be measured."""
        trial.set_user_attr(_WHY, why)
        self._study.tell(trial, state=TrialState.FAIL)

    def completed(self, part: int) -> list[MeasuredTrial]:
        """Return the trials that were measured on the largest part, in their order."""
        return [
            MeasuredTrial(i, json.loads(t.user_attrs[_CHANGES]), t.user_attrs[f"{_FIGURES}-{part}"])
            for i, t in enumerate(self.told())
            if t.state == TrialState.COMPLETE
        ]

    def count(self) -> dict[str, int]:
        """Return how many trials were measured to their end, stopped early, and failed."""
        states = [trial.state for trial in self.told()]
        return {
            "completed": states.count(TrialState.COMPLETE),
            "stopped_early": states.count(TrialState.PRUNED),
            "failed": states.count(TrialState.FAIL),
        }


def _repair(file: Path) -> None:
    """Remove what a kill may leave: half a line at the end, and Optuna's own lock."""
    file.with_name(file.name + ".lock").unlink(missing_ok=True)
    if file.exists():
        written = file.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            with file.open("r+b") as journal:
                journal.truncate(whole)
