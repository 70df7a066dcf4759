"""Document frequencies of n-grams, by class, in open-addressing tables of bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.memory import return_freed_memory
from textclf.ngrams.scratch import Scratch
from textclf.parallel import ordered_map

_FULL = 0.7  # load at which a table grows, or prunes when it may not
_EASED = 0.5  # load that pruning aims below, so that it is not needed again at once
# One table for each value of a hash's highest bits: small enough for a core's cache, and counted
# on all cores at once. Results depend on it once memory is full.
_BITS = 6
_TABLES = 1 << _BITS
_TOGETHER = 8  # tables that a thread counts in before another may take its turn
_LEAST = 16  # slots of a table
_SPARE = 0.25  # of the memory, for tables that are being copied
_LOW = np.uint64(0xFFFFFFFF)
_ONE, _SIX, _LAST_BITS = np.uint64(1), np.uint64(6), np.uint64(63)
# Of a hash's bits, those that say where it is noted: apart from those of its table and most of
# those of its slot.
_MIDDLE = np.uint64(20)


class Sorted(NamedTuple):
    """A block's n-grams by the table that counts them: table t's are from ends[t] to ends[t + 1].

    Attributes:
        hashes: (n,) uint64, in reading order within a table.
        rows: (n,) int32, the row in the block of each.
        ends: (tables + 1,) int64.
        room: What the first two are views of.
    """

    hashes: NDArray[np.uint64]
    rows: NDArray[np.int32]
    ends: NDArray[np.int64]
    room: NDArray[np.uint64]


def by_table(
    hashes: NDArray[np.uint64],
    ends: NDArray[np.int64],
    kept: NDArray[np.bool_],
    scratch: Scratch,
) -> Sorted:
    """Sort a block's n-grams by the table that counts them.

    Args:
        hashes: From `hash_ngrams`; so is `ends`.
        ends: (rows + 1,).
        kept: (rows,) False for rows to be passed over.
        scratch: Where the room for them comes from, and should go back to.
    """
    n = int(ends[-1])
    room = scratch.take(n + n // 2 + 1)
    by_row = room[:n], room[n:].view(np.int32)[:n]
    return Sorted(*by_row, _sort(hashes, ends, kept, _BITS, *by_row), room)


@njit(cache=True, nogil=True)
def _sort(hashes, ends, kept, bits, sorted_hashes, rows):  # type: ignore[no-untyped-def]
    """Write hashes and their rows in the tables' order; return where each table's begin and end."""
    tables, shift = 1 << bits, np.uint64(64 - bits)
    starts = np.zeros(tables + 1, dtype=np.int64)
    for row in range(kept.size):
        if kept[row]:
            for i in range(ends[row], ends[row + 1]):
                starts[np.int64(hashes[i] >> shift) + 1] += 1
    at = np.zeros(tables, dtype=np.int64)
    for t in range(tables):
        at[t] = starts[t]
        starts[t + 1] += starts[t]
    for row in range(kept.size):
        if kept[row]:
            for i in range(ends[row], ends[row + 1]):
                table = np.int64(hashes[i] >> shift)
                sorted_hashes[at[table]] = hashes[i]
                rows[at[table]] = row
                at[table] += 1
    return starts


@njit(nogil=True)
def _place(key, keys):  # type: ignore[no-untyped-def]
    """Return the slot that holds the key, or the empty one where it belongs."""
    slot = np.int64(((key & _LOW) * np.uint64(keys.size)) >> np.uint64(32))
    while keys[slot] != np.uint64(0) and keys[slot] != key:
        slot += 1
        if slot == keys.size:
            slot -= keys.size
    return slot


# What is known of an n-gram lies together, in one line of a core's cache: the number of the last
# row that held it (its low 32 bits), and then the rows of each class that did.
_LAST, _COUNTS = 0, 1


@njit(nogil=True)
def _note(key, seen):  # type: ignore[no-untyped-def]
    """Set the n-gram's bit; return 1 if it was not set before, else 0."""
    bit = (key >> _MIDDLE) & np.uint64(64 * seen.size - 1)
    word = np.int64(bit >> _SIX)
    fresh = ~(seen[word] >> (bit & _LAST_BITS)) & _ONE
    seen[word] |= _ONE << (bit & _LAST_BITS)
    return np.int64(fresh)


@njit(cache=True, nogil=True)
def _count(hashes, rows, first, stop, labels, serial, keys, known, used, room, seen, noted):  # type: ignore[no-untyped-def]
    """Count n-grams from `first` on, until the table has more than `room` of them.

    With `seen` bits an n-gram that the table has not is only noted there the first time: until
    half of the bits are set, of which `noted` are.

    Returns (next n-gram, n-grams in the table, bits that are set).
    """
    most = 32 * seen.size
    while first < stop and used <= room and noted <= most:
        slot = _place(hashes[first], keys)
        if keys[slot] == np.uint64(0):
            if seen.size and _note(hashes[first], seen):
                noted += 1
                first += 1
                continue
            keys[slot] = hashes[first]
            used += 1
        row = rows[first]
        number = np.uint32(np.uint64(serial + row) & _LOW)
        if known[slot, _LAST] != number:
            known[slot, _LAST] = number
            known[slot, _COUNTS + labels[row]] += 1
        first += 1
    return first, used, noted


@njit(nogil=True)
def _move(known, slot, to, place):  # type: ignore[no-untyped-def]
    """Move what is known of an n-gram to an empty slot, of the same table or another."""
    for k in range(known.shape[1]):
        value = known[slot, k]
        known[slot, k] = 0
        to[place, k] = value


@njit(cache=True, nogil=True)
def _move_all(old_keys, old_known, keys, known):  # type: ignore[no-untyped-def]
    """Move the n-grams of a table to an empty one."""
    for i in range(old_keys.size):
        if old_keys[i] != np.uint64(0):
            slot = _place(old_keys[i], keys)
            keys[slot] = old_keys[i]
            _move(old_known, i, known, slot)


@njit(nogil=True)
def _threshold(keys, known, most):  # type: ignore[no-untyped-def]
    """Return a total that all but `most` n-grams do not exceed, the least if it is below 256."""
    width = 1
    while True:
        histogram, left = np.zeros(256, dtype=np.int64), 0
        for i in range(keys.size):
            if keys[i] != np.uint64(0):
                histogram[min((_total(known, i) - 1) // width, 255)] += 1
                left += 1
        for k in range(255):
            left -= histogram[k]
            if left <= most:
                return (k + 1) * width
        width *= 2


@njit(nogil=True)
def _total(known, i):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for k in range(_COUNTS, known.shape[1]):
        total += known[i, k]
    return total


@njit(cache=True, nogil=True)
def _prune(keys, known, most):  # type: ignore[no-untyped-def]
    """Drop the n-grams of the fewest rows until `most` are left.

    Returns (rows of an n-gram that was dropped, at most; n-grams that are left).
    """
    threshold, left, first = _threshold(keys, known, most), 0, 0
    while keys[first] != np.uint64(0):
        first += 1
    # From an empty slot on, an n-gram only moves to slots that were looked at before.
    for i in range(first, first + keys.size):
        slot = i % keys.size
        key = keys[slot]
        if key != np.uint64(0):
            keys[slot] = np.uint64(0)
            if _total(known, slot) > threshold:
                to = _place(key, keys)
                keys[to] = key
                left += 1
                if to != slot:
                    _move(known, slot, known, to)
            else:
                for k in range(known.shape[1]):
                    known[slot, k] = 0
    return threshold, left


@njit(cache=True, nogil=True)
def _reaching(keys, known, least):  # type: ignore[no-untyped-def]
    """Return which slots hold n-grams of at least so many rows: (slots,) bool."""
    out = np.zeros(keys.size, dtype=np.bool_)
    for i in range(keys.size):
        out[i] = keys[i] != np.uint64(0) and _total(known, i) >= least
    return out


@dataclass(frozen=True)
class Counts:
    """N-grams with their document frequencies.

    Attributes:
        hashes: (n,) uint64, ascending.
        by_class: (n, classes) uint32, rows of each class that hold the n-gram.
        pruned_below: A count may be short by as much.
    """

    hashes: NDArray[np.uint64]
    by_class: NDArray[np.uint32]
    pruned_below: int

    @property
    def df(self) -> NDArray[np.int64]:
        """(n,) int64, rows that hold the n-gram."""
        return np.asarray(self.by_class.sum(axis=1, dtype=np.int64))


class DocumentFrequencies:
    """Counts, block by block, in how many rows of each class an n-gram occurs.

    The tables double until `memory` would be passed; from then on, when one is full, its rarest
    n-grams are dropped (lossy counting, Manku and Motwani 2002): first those seen once, then
    twice, and so on until it is half empty. Most n-grams are never seen again: from then on one
    that is not in the table is let in when it comes the second time, as bits tell (the doorkeeper
    of TinyLFU, Einziger et al. 2017), which are cleared when half of them are set. A dropped n-gram
    that comes again starts from zero, and one that waits outside is not counted, so a count is
    never too high, and too low by at most `Counts.pruned_below`.

    Args:
        classes: Columns of counts.
        memory: Bytes that the tables may take, growing included.
    """

    def __init__(self, classes: int, memory: int) -> None:
        self._memory, self._rows = memory, 0
        self._tables = [_Table(classes) for _ in range(_TABLES)]

    @property
    def nbytes(self) -> int:
        """Bytes that the tables take."""
        return sum(table.nbytes for table in self._tables)

    def widen(self, classes: int) -> None:
        """Make room for labels up to `classes`, as they turn up."""
        most = _slots(self._memory, classes)
        for table in self._tables:
            table.widen(classes, most)

    def merge_classes(self) -> None:
        """Count all classes as one from now on."""
        for table in self._tables:
            table.merge_classes()

    def add(self, ngrams: Sorted, labels: NDArray[np.int32]) -> None:
        """Count the n-grams of a block's rows.

        Args:
            ngrams: From `by_table`.
            labels: (rows,) class of each row.
        """
        most = _slots(self._memory, self._tables[0].classes)

        def count(first: int) -> None:
            for table in range(first, first + _TOGETHER):
                self._tables[table].add(ngrams, table, labels, self._rows, most)

        for _ in ordered_map(count, range(0, _TABLES, _TOGETHER)):
            pass
        self._rows += len(labels)

    def result(self, min_df: int = 1) -> Counts:
        """Return the n-grams that at least `min_df` rows hold, and let go of the tables."""
        pruned_below = max(table.pruned_below for table in self._tables)
        # By their highest bits, so that one table's hashes are all before the next one's.
        parts = ordered_map(lambda table: table.result(min_df), self._tables)
        hashes, by_class = zip(*parts, strict=True)
        return_freed_memory()  # the tables'
        return Counts(np.concatenate(hashes), np.concatenate(by_class), pruned_below)


def _slots(memory: int, classes: int) -> int:
    """Return the most slots of a table."""
    slot = 8 + 4 * (_COUNTS + classes) + 2  # at most sixteen bits of `_Table._seen`
    return max(_LEAST, int(memory / (slot * _TABLES * (1 + _SPARE))))


class _Table:
    """Counts the n-grams whose hashes begin with the same bits."""

    def __init__(self, classes: int) -> None:
        self.classes, self.pruned_below, self._used = classes, 0, 0
        self._seen, self._noted = np.zeros(0, dtype=np.uint64), 0
        self._allocate(_LEAST)

    @property
    def nbytes(self) -> int:
        return self._keys.nbytes + self._known.nbytes + self._seen.nbytes

    def _allocate(self, slots: int) -> None:
        self._keys = np.zeros(slots, dtype=np.uint64)
        self._known = np.zeros((slots, _COUNTS + self.classes), dtype=np.uint32)

    def widen(self, classes: int, most: int) -> None:
        """Count so many classes, in `most` slots at most."""
        if classes <= self.classes:
            return
        if self._keys.size > most:
            self._shrink(most)
        self._known = np.pad(self._known, ((0, 0), (0, classes - self.classes)))
        self.classes = classes

    def _shrink(self, slots: int) -> None:
        """Go on with fewer slots, without the rarest n-grams if need be."""
        keys, known, room = self._keys, self._known, int(_EASED * slots)
        if self._used > room:
            threshold, self._used = _prune(keys, known, room)
            self.pruned_below += threshold
        self._allocate(slots)
        _move_all(keys, known, self._keys, self._known)

    def merge_classes(self) -> None:
        total = self._known[:, _COUNTS:].sum(axis=1, keepdims=True, dtype=np.uint32)
        self._known, self.classes = np.hstack((self._known[:, :_COUNTS], total)), 1

    def add(
        self, ngrams: Sorted, table: int, labels: NDArray[np.int32], rows_before: int, most: int
    ) -> None:
        """Count a block's n-grams of this table, which may have `most` slots."""
        at, stop = int(ngrams.ends[table]), int(ngrams.ends[table + 1])
        while at < stop:
            room = int(_FULL * self._keys.size)
            at, self._used, self._noted = _count(
                ngrams.hashes, ngrams.rows, at, stop, labels, rows_before + 1,
                self._keys, self._known, self._used, room, self._seen, self._noted,
            )  # fmt: skip
            if self._used > room:
                self._make_room(most)
            elif at < stop:
                self._forget()

    def _make_room(self, most: int) -> None:
        """Grow; a table that may not drops its rarest n-grams, as few as will do."""
        keys, known = self._keys, self._known
        if keys.size < most:
            self._allocate(min(2 * keys.size, most))
            _move_all(keys, known, self._keys, self._known)
        else:
            threshold, self._used = _prune(keys, known, int(_EASED * keys.size))
            self.pruned_below += threshold
            if not self._seen.size:
                self._seen = np.zeros(1 << (keys.size // 8).bit_length(), dtype=np.uint64)
                self._forget()

    def _forget(self) -> None:
        """Clear the bits: each n-gram may have to come once more before it is counted."""
        self._seen[:] = 0
        self._noted = 0
        self.pruned_below += 1

    def result(self, min_df: int) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        kept = _reaching(self._keys, self._known, min_df)
        hashes, by_class = self._keys[kept], self._known[kept, _COUNTS:]
        self._allocate(1)
        order = np.argsort(hashes)
        return hashes[order], by_class[order]
