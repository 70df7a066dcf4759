"""Shards: what is written comes back, scattered by the seed alone."""

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack
from scipy.sparse import random as random_matrix

from textclf.ngrams import shards as module
from textclf.ngrams import vectorizer
from textclf.ngrams.shards import ShardSet, ShardWriter
from textclf.ngrams.vectorizer import Rows


def write(folder, x, y, cuts, n_shards=4, seed=1):
    folder.mkdir()
    writer = ShardWriter(folder, x.shape[1], 3, n_shards, seed)
    for a, b in pairwise(cuts):
        part = x[a:b]
        writer.append(part.indptr.astype(np.int64), part.indices, part.data, y[a:b])
    return writer.close()


@pytest.fixture
def matrix():
    x = random_matrix(200, 30, 0.2, format="csr", dtype=np.float32, rng=np.random.default_rng(1))
    x = x.tolil()
    x[:, 0] = np.arange(200, dtype=np.float32)[:, None] + 1  # tells the rows apart
    x = x.tocsr()
    x.indices = x.indices.astype(np.int32)
    return x, (np.arange(200) % 3).astype(np.int32)


def rows(shards):
    x = vstack([shard.x for shard in shards]).toarray()
    y = np.concatenate([shard.y for shard in shards])
    order = np.argsort(x[:, 0])
    return x[order], y[order]


@pytest.mark.parametrize("buffered", [1, 1 << 20])
def test_every_row_comes_back_once(matrix, tmp_path, monkeypatch, buffered):
    monkeypatch.setattr(module, "_BUFFERED", buffered)
    x, y = matrix
    shards = write(tmp_path / "a", x, y, [0, 50, 50, 51, 200])
    assert shards.n_rows == 200
    found_x, found_y = rows(shards)
    np.testing.assert_array_equal(found_x, x.toarray())
    np.testing.assert_array_equal(found_y, y)


def test_rows_sorted_by_class_are_mixed(matrix, tmp_path):
    x, y = matrix
    shards = write(tmp_path / "a", x, np.sort(y), [0, 200])
    for shard in shards:
        assert len(set(shard.y.tolist())) == 3


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_the_seed_says_where_rows_go(matrix, tmp_path, seed, same):
    one = write(tmp_path / "a", *matrix, [0, 200])
    other = write(tmp_path / "b", *matrix, [0, 200], seed=seed)
    assert all((p.y.tolist() == q.y.tolist()) for p, q in zip(one, other, strict=True)) == same


def test_arrays_are_memory_mapped_and_no_pickle(matrix, tmp_path):
    shards = write(tmp_path / "a", *matrix, [0, 200])
    assert isinstance(shards[0].x.data.base, np.memmap)
    stored = {p.name for p in (tmp_path / "a").iterdir()}
    assert "00003.indptr" in stored
    assert json.loads((tmp_path / "a" / "shards.json").read_text())["n_features"] == 30
    assert ShardSet.open(tmp_path / "a") == shards


def test_empty_shards_and_rows_are_fine(tmp_path):
    x = random_matrix(2, 5, 0.0, format="csr", dtype=np.float32)
    x.indices = x.indices.astype(np.int32)
    shards = write(tmp_path / "a", x, np.array([0, 2], np.int32), [0, 2], n_shards=5)
    assert sorted(shards.rows) == [0, 0, 0, 1, 1] or max(shards.rows) == 2
    assert sum(shard.x.shape[0] for shard in shards) == 2
    with pytest.raises(IndexError):
        shards[5]


def test_a_set_that_was_not_closed_is_not_opened(tmp_path):
    ShardWriter(tmp_path, 3, 2, 1, 0)
    with pytest.raises(FileNotFoundError):
        ShardSet.open(tmp_path)


@pytest.mark.parametrize("classes", [3, 7 << 10, 1 << 30])
def test_parts_of_many_classes_are_short_and_hold_every_row_once(
    matrix, tmp_path, monkeypatch, classes
):
    monkeypatch.setattr(vectorizer, "_SCORES", 70 << 10)
    shards = write(tmp_path / "set", *matrix, [0, 200])
    parts = list(Rows.parts(shards, classes))
    assert max(len(true) for _, true in parts) <= max(1, (70 << 10) // classes)
    x = vstack([csr_matrix((r.data, r.indices, r.indptr), (len(true), 30)) for r, true in parts])
    order = np.argsort(x[:, 0].toarray()[:, 0])
    assert (x.toarray()[order] == matrix[0].toarray()).all()
    assert (np.concatenate([true for _, true in parts])[order] == matrix[1]).all()
