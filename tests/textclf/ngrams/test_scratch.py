"""Arrays that are used again."""

import numpy as np

from textclf.ngrams.scratch import Scratch


def test_an_array_given_back_is_taken_again() -> None:
    scratch = Scratch()
    array = scratch.take(100)
    scratch.give_back(array)
    assert scratch.take(80) is array


def test_one_that_is_in_use_is_not() -> None:
    scratch = Scratch()
    assert scratch.take(100) is not scratch.take(100)


def test_one_that_is_too_small_is_not() -> None:
    scratch = Scratch()
    scratch.give_back(scratch.take(100))
    assert scratch.take(101).size >= 101


def test_a_very_large_one_is_let_go() -> None:
    scratch = Scratch()
    array = np.empty((64 << 17) + 1, np.uint64)
    scratch.give_back(array)
    assert scratch.take(1) is not array
