"""What an inspection means: a line each, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from textclf.corpus.files import name_all
from textclf.corpus.labels import hardly_recur, label_refusal, like_missing, look_alikes
from textclf.errors import DataError
from textclf.inspection_result import LONG_TEXT, Inspection, Place, Trouble

GUIDE_RATIO = 1500  # samples / words a sample, below which the guide takes n-grams
RARE = 10  # rows
_UNEVEN = 10  # times as many rows of the largest class as of the smallest
_NAMES = 5  # labels that a line names


Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know before training.

    Attributes:
        code: A short name of its kind.
        level: `error` if training would refuse the files, or score with the wrong rows.
        message: What is the matter, one line.
        remedy: What to do about it.
    """

    code: str
    level: Level
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


def guide(ratio: float) -> dict[str, str | float]:
    """Say what Google's text-classification guide makes of samples / words a sample."""
    if ratio < GUIDE_RATIO:
        return {
            "ratio": ratio,
            "model": "n-gram MLP",
            "advice": "below 1,500 the guide takes an MLP on n-grams, which is what textclf trains",
        }
    vectors = "pretrained embeddings" if ratio < 10 * GUIDE_RATIO else "its own embeddings"
    return {
        "ratio": ratio,
        "model": "sequence model",
        "advice": "from 1,500 on the guide would try a sequence model (sepCNN) with "
        f"{vectors}; textclf trains an MLP on n-grams: a baseline for one",
    }


def refusal(inspection: Inspection) -> DataError | None:
    """Return the error that training would end with whatever rows are tolerated, or None."""
    for found in (*_refused_labels(inspection), *_refused_texts(inspection)):
        return DataError(found.message, where=name_all(inspection.files), remedy=found.remedy)
    return None


def findings(inspection: Inspection) -> list[Finding]:
    """Return what should be known, errors first."""
    found = [
        *_bad_rows(inspection),
        *(_refused_labels(inspection) or _labels(inspection)),
        *_refused_texts(inspection),
        *_texts(inspection),
        *_twice(inspection),
        *_test(inspection),
    ]
    return sorted(found, key=lambda finding: finding.level)


def _bad_rows(inspection: Inspection) -> Iterator[Finding]:
    parts = [(inspection.bad_rows, inspection.rows, inspection.first_bad)]
    if inspection.test is not None:
        parts.append((inspection.test.bad_rows, inspection.test.rows, inspection.test.first_bad))
    for bad, rows, first in parts:
        if bad:
            where = f"{first[0].where}: {first[0].what}"
            share = _of(bad, rows + bad, "row is bad", "rows are bad")
            level: Level = "warning" if inspection.tolerated.allows(bad, rows) else "error"
            yield Finding("bad-rows", level, f"{share}; {where}", first[0].remedy)


def _refused_labels(inspection: Inspection) -> list[Finding]:
    """Return what training would end with because of the labels, one thing at most."""
    names = list(inspection.classes)
    refused = label_refusal(names, inspection.rows, inspection.named) if names else None
    code = "many-labels" if len(names) > 1 else "one-class"
    return [Finding(code, "error", *refused)] if refused else []


def _refused_texts(inspection: Inspection) -> list[Finding]:
    """Return what training would end with because of the texts, one thing at most."""
    blank, counts = inspection.empty.rows, inspection.duplicates
    if not inspection.classes or counts.sampled < 1:
        return []
    if blank == inspection.rows:
        message = f"all of its {blank:,} texts are blank"
        return [Finding("blank-texts", "error", message, "give another --text-column")]
    different = inspection.rows - blank - counts.duplicates + min(1, blank)
    if different > 2 or (different == 2 and counts.contradictory_texts):
        return []
    one = "all of its texts are the same" if different == 1 else "it has only two different texts"
    message = f"{one}: some are held out, and the others must have two classes"
    remedy = "give other texts, another --text-column, or train with a --validation-file"
    return [Finding("few-texts", "error", message, remedy)]


def _labels(inspection: Inspection) -> Iterator[Finding]:
    classes, rows = inspection.classes, inspection.rows
    if not classes:
        return
    if names := inspection.label_guesses:
        yield Finding(
            "guessed-label",
            "warning",
            f"no column has a usual name such as 'label', and {names[0]!r} is taken for it",
            f"say with --label-column which it is: {_listed(names)}",
        )
    if hardly_recur(len(classes), rows):
        yield Finding(
            "many-labels",
            "warning",
            f"there are {len(classes):,} labels on {rows:,} rows",
            "give another --label-column",
        )
        return
    rare = sorted((n, name) for name, n in classes.items() if n < RARE)
    if rare:
        shown = _listed([f"{name!r} ({n})" for n, name in rare])
        one = "label has" if len(rare) == 1 else "labels have"
        yield Finding(
            "rare-labels",
            "warning",
            f"{len(rare):,} {one} fewer than {RARE} rows: {shown}",
            "give more rows of them, or merge them",
        )
    most, least = max(classes.values()), min(classes.values())
    if most >= _UNEVEN * least:
        yield Finding(
            "imbalance",
            "warning",
            f"the largest class has {most / least:,.0f} times the rows of the smallest",
            "try --class-weight balanced, and go by macro F1",
        )
    if missing := like_missing(classes):
        yield Finding(
            "missing-labels",
            "warning",
            f"a label is {missing[0]!r}, which programs write for a missing one",
            "drop those rows, or give them their label",
        )
    if alike := [" and ".join(map(repr, names)) for names in look_alikes(classes)]:
        yield Finding(
            "similar-labels",
            "warning",
            f"labels differ only in capitals or spaces: {_listed(alike)}",
            "write each label in one way",
        )


def _texts(inspection: Inspection) -> Iterator[Finding]:
    kinds: Sequence[tuple[str, Trouble, str, str, str]] = (
        ("empty-texts", inspection.empty, "text is empty", "texts are empty",
         "drop those rows, or name the right --text-column"),
        ("replacement-characters", inspection.replaced, "text holds U+FFFD",
         "texts hold U+FFFD, left by a wrong decoding",
         "make the file again from its source, in UTF-8"),
        ("mojibake", inspection.garbled, "text holds garbled letters such as 'Ã©' for 'é'",
         "texts hold garbled letters such as 'Ã©' for 'é'",
         "they were read in a wrong encoding before: make the file again"),
        ("control-characters", inspection.control, "text holds control characters",
         "texts hold control characters",
         "remove them, or give another --encoding, such as cp1252 for latin-1"),
        ("long-texts", inspection.long, f"text is longer than {LONG_TEXT >> 10} KiB",
         f"texts are longer than {LONG_TEXT >> 10} KiB",
         "look for a quote that is never closed, or split them"),
    )  # fmt: skip
    for code, trouble, one, many, remedy in kinds:
        if trouble.rows:
            message = _of(trouble.rows, inspection.rows, one, many)
            yield Finding(code, "warning", f"{message}, first {trouble.first}", remedy)
    if inspection.words.median <= 1 and inspection.rows >= 20:
        yield Finding(
            "short-texts",
            "warning",
            "half of the texts have no more than one word",
            "see whether --text-column names the right column",
        )


def _twice(inspection: Inspection) -> Iterator[Finding]:
    counts = inspection.duplicates
    about = "" if counts.sampled == 1 else "about "
    if counts.contradictory_texts:
        one = "text has" if counts.contradictory_texts == 1 else "texts have"
        yield Finding(
            "contradictions",
            "warning",
            f"{about}{counts.contradictory_texts:,} {one} different labels, on "
            f"{counts.contradictory_rows:,} rows, "
            f"{_pair(inspection.contradictory_examples)}",
            "decide for one label, or drop them: nobody can be right on all",
        )
    if counts.duplicates:
        message = _of(
            counts.duplicates, inspection.rows, "text repeats an earlier one",
            "texts repeat an earlier one",
        )  # fmt: skip
        pairs = inspection.duplicate_examples or inspection.contradictory_examples
        yield Finding(
            "duplicates",
            "warning",
            f"{about}{message}, {_pair(pairs)}",
            "drop the copies: each weighs as much as another text",
        )


def _test(inspection: Inspection) -> Iterator[Finding]:
    test = inspection.test
    if test is None:
        return
    about = "" if inspection.duplicates.sampled == 1 else "about "
    if test.overlap:
        differ = f" ({test.overlap_differs:,} with another label)" if test.overlap_differs else ""
        message = _of(
            test.overlap, test.rows, "test text is also in the training file",
            "test texts are also in the training file",
        )  # fmt: skip
        yield Finding(
            "test-overlap",
            "warning",
            f"{about}{message}{differ}, {_across(test.examples)}",
            "drop them from one of the files: they flatter the test figures",
        )
    missing = [name for name, n in test.classes.items() if n == 0]
    if missing and inspection.classes:
        one = "label has" if len(missing) == 1 else "labels have"
        yield Finding(
            "untested-labels",
            "warning",
            f"{len(missing):,} {one} no test rows: {_listed(list(map(repr, missing)))}",
            "give test rows of every label",
        )


def _of(count: int, total: int, one: str, many: str) -> str:
    share = 100 * count / max(1, total)
    shown = f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"
    return f"{count:,} ({shown}) {one if count == 1 else many}"


def _pair(examples: list[tuple[Place, Place]]) -> str:
    first, second = examples[0]
    if first.file == second.file:
        return f"such as rows {first.row} and {second.row}"
    return f"such as {first} and {second}"


def _across(examples: list[tuple[Place, Place]]) -> str:
    there, here = examples[0]
    return f"such as {there} and {here}"


def _listed(names: list[str]) -> str:
    short = [name if len(name) <= 60 else name[:57] + "..." for name in names[:_NAMES]]
    more = len(names) - len(short)
    return ", ".join(short) + (f" and {more:,} more" if more else "")
