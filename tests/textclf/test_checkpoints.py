"""Checkpoints on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textclf.checkpoints import Blocks, Position, load_checkpoint, save_checkpoint

TRAINING = {"seed": 1, "rows": [[2, 3]]}
ARRAYS: dict[str, Any] = {
    "step": np.array(7, np.int64),
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "seed": np.array([1, 4], np.uint32),
}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    position = Position(3, 2, {"loss": 0.1}, [{"epoch": 1, "loss": 1 / 3}], best_loss=1 / 7)
    save_checkpoint(tmp_path / "new", position, ARRAYS, TRAINING)
    found = load_checkpoint(tmp_path / "new", TRAINING)
    assert found is not None
    assert found[0] == position
    for name, array in ARRAYS.items():
        assert found[1][name].dtype == array.dtype
        assert np.array_equal(found[1][name], array)
        assert found[1][name].shape == array.shape


def test_a_fresh_position_survives(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Position(), {}, TRAINING)
    assert load_checkpoint(tmp_path, TRAINING) == (Position(), {})


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "nowhere", TRAINING) is None


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_none_with_a_warning(
    contents: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(contents)
    assert load_checkpoint(tmp_path, TRAINING) is None
    assert "training begins anew" in caplog.text


def test_a_write_that_fails_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, Position(1), ARRAYS, TRAINING)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, Position(2), ARRAYS, TRAINING)
    found = load_checkpoint(tmp_path, TRAINING)
    assert found is not None
    assert found[0].epoch == 1


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        save_checkpoint(tmp_path / "file", Position(), ARRAYS, TRAINING)


@pytest.mark.parametrize("place", [100, 400, -200])
def test_a_flipped_byte_is_no_wrong_weight(
    place: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, Position(1), {"kernel": np.ones(500, np.float32)}, TRAINING)
    file = tmp_path / "checkpoint.npz"
    contents = bytearray(file.read_bytes())
    contents[place] ^= 255
    file.write_bytes(contents)
    found = load_checkpoint(tmp_path, TRAINING)
    assert found is None or (found[1]["kernel"] == 1).all()


@pytest.mark.parametrize("field", [6, 8, 10])  # version that is needed, flags, compression
def test_a_damaged_directory_is_none_with_a_warning(
    field: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, Position(1), ARRAYS, TRAINING)
    file = tmp_path / "checkpoint.npz"
    contents = bytearray(file.read_bytes())
    contents[contents.index(b"PK\x01\x02") + field] = 0xFF
    file.write_bytes(contents)
    assert load_checkpoint(tmp_path, TRAINING) is None
    assert "training begins anew" in caplog.text


def test_an_array_in_blocks_is_loaded_whole(tmp_path: Path) -> None:
    whole = np.arange(35, dtype=np.float32).reshape(7, 5)
    blocks = Blocks(whole.shape, whole.dtype, lambda: iter((whole[:3], whole[3:6], whole[6:])))
    save_checkpoint(tmp_path, Position(), {"kernel": blocks}, TRAINING)
    found = load_checkpoint(tmp_path, TRAINING)
    assert found is not None
    assert found[1]["kernel"].dtype == np.float32
    assert np.array_equal(found[1]["kernel"], whole)
