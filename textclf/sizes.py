"""Numbers that the settings leave to the data: longest n-gram, units a layer, rows a batch, ..."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from textclf.settings import NetworkSettings, NgramSettings, TrainingSettings

MANY_HELD_OUT = 800
LITTLE_TEXT = 4 << 20  # bytes
LEFT_TO_DATA = {"max_n": 0, "subwords": -1}  # settings of n-grams, and what leaves them
_SMALLEST_BATCH, _LARGEST_BATCH = 5, 11  # powers of two
_MANY_ROWS = 16_000
_FEW_CLASSES = 8
_LONGEST, _LONGEST_OF_MANY = 3, 2
_RARE_WORDS, _SUBWORDS = 0.3, 4
_MEMBERS = 4
_WIDE, _WIDEST = 96, 192  # units of all members, for many classes
_MOST_WEIGHTS = 100_000 * _WIDEST  # of the first layer
_MOST_SVM_WEIGHTS = 20_000_000
_MANY_TOPICS, _MARGIN = 16, 20.0
_TOLERANCE = 0.02
_AVERAGED = 8
_LITTLE, _MUCH = 0.005, 0.05


def with_batch_size(training: TrainingSettings, rows: int) -> TrainingSettings:
    """Return the settings with a batch size: the power of two nearest to the root of the rows.

    Of 16,000 rows or more it is twice that: on twelve sets of 17,000 to 130,000 rows as many errors
    were made, in as many epochs of half as many steps. On 22 smaller sets it made 1 % more.
    """
    if training.batch_size:
        return training
    power = round(math.log2(max(1, rows)) / 2) + (rows >= _MANY_ROWS)
    chosen = 1 << max(_SMALLEST_BATCH, min(_LARGEST_BATCH, power))
    return dataclasses.replace(training, batch_size=chosen)


def with_averaging(training: TrainingSettings, rows: int) -> TrainingSettings:
    """Return the settings with the steps that are averaged: 8, or none for 16,000 rows or more.

    Of few rows an epoch has few steps, and what is left of their noise cancels out: on 28 sets it
    took 0.6 % off the errors. On nine of 17,000 to 130,000 rows it added 0.2 %, a tenth to the time
    and a copy of the weights to the memory.
    """
    if training.averaged_steps >= 0:
        return training
    return dataclasses.replace(training, averaged_steps=0 if rows >= _MANY_ROWS else _AVERAGED)


def with_subwords(
    ngrams: NgramSettings, text_bytes: int, seen_once: Callable[[], float]
) -> NgramSettings:
    """Return the settings with the longest part of words: 4, or none for much text of usual words.

    Words that are not in the training rows have parts that are: they took 40 % off the errors on
    single names and words, 30 % on what language a line is in, and 5 % on the mean of 33 sets of
    mostly up to 4 MB. Of more text it was 1 %, on five sets, in two to three times the time.

    Args:
        ngrams: The settings.
        text_bytes: The corpus' text; of more than `LITTLE_TEXT` some is enough.
        seen_once: Returns the share of the first rows' words that no other of them has.
    """
    if ngrams.subwords >= 0:
        return ngrams
    wanted = ngrams.analyzer == "word" and (text_bytes <= LITTLE_TEXT or seen_once() >= _RARE_WORDS)
    return dataclasses.replace(ngrams, subwords=_SUBWORDS if wanted else 0)


def with_max_n(ngrams: NgramSettings, classes: int) -> NgramSettings:
    """Return the settings with the longest n-gram: 3, or 2 words for more than 16 classes.

    What people think of a thing is said in phrases: trigrams took 4 % off the errors on reviews.
    Many classes are topics, of which single words tell: on eight sets of 10 to 16 classes trigrams
    took 2 % off, on seventeen of 20 to 57 nothing, in a tenth more memory.
    """
    if ngrams.max_n:
        return ngrams
    many = ngrams.analyzer == "word" and classes > _MANY_TOPICS
    chosen = max(ngrams.min_n, _LONGEST_OF_MANY if many else _LONGEST)
    return dataclasses.replace(ngrams, max_n=chosen)


def with_shape(network: NetworkSettings, classes: int, features: int) -> NetworkSettings:
    """Return the settings with units and members, and without support vector machines too large.

    Up to 8 classes four networks of 4 units and 2 for each class: 8 for two, 20 for eight. On the
    mean of six sets of 2 to 5 classes four of 8 units made 1 % fewer errors than three of 16, but
    1 % more on the one of four topics, where 12 did as well, and 4 % more on sets of 6 and 8
    topics, where 16 did. Many classes need wider layers: one network told as many apart as three
    that are as wide together, in half the time. With 12 to 16 classes 96 units made 1 % fewer
    errors than 192, with 29 to 54 0.7 % more.
    """
    many = classes > _FEW_CLASSES
    members = network.members or (1 if many else _MEMBERS)
    widest = classes > _MANY_TOPICS and features * _WIDEST <= _MOST_WEIGHTS
    wide = (_WIDEST if widest else _WIDE) // members
    units = network.units or (max(1, wide) if many else 4 + 2 * classes)
    svm = network.svm and classes * features <= _MOST_SVM_WEIGHTS
    return dataclasses.replace(network, units=units, members=members, svm=svm)


def first_units(network: NetworkSettings, classes: int) -> int:
    """Return the units of the first layer, of all members together."""
    return network.members * (network.units if network.layers > 1 else classes)


def with_margin(training: TrainingSettings, classes: int) -> TrainingSettings:
    """Return the settings with a margin: none, or 20 for more than 16 classes.

    Many classes are topics, in which nearly every row can be told from the others: on fifteen sets
    of 18 to 54 classes, of which few rows are known, it took 3 % off the errors. It took none with
    2 to 5 classes, of opinions or their degrees, and added 4 % with 14 topics that are easily told.
    """
    if training.margin >= 0:
        return training
    return dataclasses.replace(training, margin=_MARGIN if classes > _MANY_TOPICS else 0.0)


def with_stopping(
    training: TrainingSettings, held_out: int, classes: int, *, svm: bool
) -> TrainingSettings:
    """Return the settings with patience, tolerance and the least improvement.

    On seven sets with 800 to 6,700 rows held out, the best epoch was the same with a patience of 2
    or 1; the loss of 200 rows rose once before its minimum, which cost up to a point of accuracy.
    After an epoch that took less than 5 % off the loss, no later one took off an error.

    Of more than 8 classes, one more epoch or two at the same loss made 2 to 5 % fewer errors: every
    row that is trained on is told by then, but those left out still come to be. With support vector
    machines beside it, which know that already, it made none on 27 sets, in twice as many epochs.
    """
    many = classes > _FEW_CLASSES
    of_many, of_few = 1 if svm else 3, 1 if held_out >= MANY_HELD_OUT else 2
    patience = training.patience or (of_many if many else of_few)
    tolerance = training.tolerance if training.tolerance >= 0 else (_TOLERANCE if many else 0.0)
    least = training.min_improvement
    if least < 0:
        least = _MUCH if patience == 1 else _LITTLE
    return dataclasses.replace(
        training, patience=patience, tolerance=tolerance, min_improvement=least
    )
