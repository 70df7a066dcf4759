"""Where a training stands, on disk: one file, replaced atomically, without pickles."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# Least seconds from one checkpoint to the next, if nothing stops training: to write one takes a
# third of a second, and more for larger networks.
EVERY = 15.0
_FILE = "checkpoint.npz"
_HEADER = "position and training"  # JSON beside the arrays


@dataclass
class Position:
    """Where a training stands.

    Attributes:
        epoch: Epochs that are complete, validation included.
        step: Steps of the next epoch that are done.
        partial: Means of the figures over those steps, and the seconds they took.
        history: Figures of each complete epoch.
        best_loss: Lowest validation loss; infinite before the first epoch.
        best_epoch: The epoch that the best weights are of, from 1; 0 before the first.
        counted_loss: The last validation loss that was clearly lower than those before.
        counted_epoch: The epoch it belongs to.
    """

    epoch: int = 0
    step: int = 0
    partial: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = 0
    counted_loss: float = float("inf")
    counted_epoch: int = 0


@dataclass(frozen=True)
class Blocks:
    """An array that is not in memory as a whole.

    Attributes:
        shape: Its shape.
        dtype: Its type.
        read: Returns its rows, from the first to the last, in blocks.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Iterator[NDArray[Any]]]


def save_checkpoint(
    folder: Path,
    position: Position,
    arrays: Mapping[str, NDArray[Any] | Blocks],
    training: Mapping[str, Any],
) -> None:
    """Write a checkpoint in place of the last one, which stays whole until then.

    Args:
        folder: Created if need be.
        position: Where the training stands.
        arrays: Weights and the state of the optimizer and the generators of random numbers.
        training: What is trained on what, in terms of JSON; `load_checkpoint` compares it.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {"position": dataclasses.asdict(position), "training": training}
    header = np.frombuffer(json.dumps(described).encode(), np.uint8)
    unfinished = folder / f".{_FILE}.new"
    # As np.savez does, which wants arrays whole.
    with unfinished.open("wb") as file, ZipFile(file, "w") as archive:
        for name, array in {_HEADER: header, **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                _write(member, array)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(folder / _FILE)


def _write(file: IO[bytes], array: NDArray[Any] | Blocks) -> None:
    if not isinstance(array, Blocks):
        np.lib.format.write_array(file, array, allow_pickle=False)
        return
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": np.lib.format.dtype_to_descr(array.dtype),
            "fortran_order": False,
            "shape": array.shape,
        },
    )
    for block in array.read():
        file.write(np.ascontiguousarray(block).data)


def load_checkpoint(
    folder: Path, training: Mapping[str, Any]
) -> tuple[Position, dict[str, NDArray[Any]]] | None:
    """Return the position and the arrays of the checkpoint in a folder.

    None if there is no checkpoint, or (the log says so) it cannot be read or belongs to another
    training.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            described = json.loads(stored[_HEADER].tobytes())
            if described["training"] != json.loads(json.dumps(training)):
                log.warning("%s: of other data or settings; training begins anew", path)
                return None
            position = Position(**described["position"])
            return position, {name: stored[name] for name in stored.files if name != _HEADER}
    except (
        OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error,
        RuntimeError,  # of zipfile: a part is encrypted, or compressed in a way it does not know
    ) as error:  # fmt: skip
        log.warning("%s: not a checkpoint (%s); training begins anew", path, error)
        return None
