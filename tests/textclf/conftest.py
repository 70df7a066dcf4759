"""Small corpora that several tests share."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="session")
def sentences() -> dict[str, str]:
    """The first article of the Universal Declaration of Human Rights by language, and emoji."""
    lines = (FIXTURES / "human_rights.tsv").read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.fixture(scope="session")
def multilingual(sentences: dict[str, str]) -> tuple[list[str], list[int]]:
    """600 texts of words from twenty languages in four classes: (texts, labels)."""
    draw = random.Random(5)
    texts, labels = [], []
    languages = list(sentences)
    for _ in range(600):
        label = draw.randrange(4)
        mixed = [draw.choice(languages[label * 5 : label * 5 + 5]), draw.choice(languages)]
        words = [word for language in mixed for word in sentences[language].split()]
        start = draw.randrange(len(words))
        texts.append(" ".join(words[start : start + draw.randrange(1, 30)]))
        labels.append(label)
    return texts, labels
