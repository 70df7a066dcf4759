"""What TensorBoard shows: the figures of each epoch, written with TensorFlow's own writer."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textclf.errors import UsageError
from textclf.tensorflow_runtime import load_tensorflow
from textclf.writing import unwritable

log = logging.getLogger(__name__)

# Two folders with the same names in them, so that TensorBoard draws both into one chart.
_CHARTS = {
    "train": {"loss": "loss", "accuracy": "accuracy", "learning_rate": "learning_rate"},
    "validation": {"val_loss": "loss", "val_accuracy": "accuracy"},
}


def check_tensorboard(folder: Path) -> None:
    """Make the folder, and see that the package is there: rather now than after an epoch.

    Raises:
        OutputError: If the folder cannot be made.
        UsageError: If the package is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "the package tensorboard is not installed",
            remedy="pip install 'textclf[tensorboard]', or leave out --tensorboard",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "give --tensorboard with a folder that you may write to"
        raise unwritable(folder, error, remedy) from error


class TensorBoardLog:
    """Takes the figures of each epoch; when they cannot be written, training goes on without.

    Args:
        folder: Gets a folder `train` and a folder `validation`, made with the first epoch.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._broken = False

    def __call__(self, figures: Mapping[str, float]) -> None:
        """Write the figures of an epoch, named as in `FitResult.history`."""
        if self._broken:
            return
        tf = load_tensorflow()
        try:
            for part, charts in _CHARTS.items():
                if known := [name for name in charts if name in figures]:
                    with self._writer(tf, part).as_default():
                        for name in known:
                            tf.summary.scalar(charts[name], figures[name], int(figures["epoch"]))
                    self._writers[part].flush()
        except (OSError, tf.errors.OpError) as error:
            self._broken = True
            log.warning("%s: cannot be written (%s); training goes on", self._folder, error)

    def _writer(self, tf: Any, part: str) -> Any:
        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(str(self._folder / part))
        return self._writers[part]
