"""What all tests share: an environment of their own, and a model made by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from textclf.classifier import Classifier
from textclf.layers import Dense
from textclf.ngrams import reference
from textclf.ngrams.vectorizer import Vectorizer, Vocabulary
from textclf.settings import NgramSettings

WORDS = {
    "food": [
        "soup",
        "bread",
        "cheese",
        "apple",
        "rice",
        "salt",
        "dinner",
        "cook",
        "tasty",
        "spoon",
    ],
    "music": [
        "song",
        "guitar",
        "drum",
        "choir",
        "violin",
        "melody",
        "tune",
        "concert",
        "sing",
        "loud",
    ],
    "sport": ["goal", "match", "ball", "team", "run", "race", "coach", "league", "score", "win"],
}


def pytest_configure() -> None:
    """Leave out what the user has set for the command: tests set what they need."""
    for name in list(os.environ):
        if name.startswith("TEXTCLF_") and not name.startswith("TEXTCLF_TEST_"):
            del os.environ[name]


def themed_texts(rows: int, seed: int = 3) -> tuple[list[str], list[str]]:
    """Return texts of words of a theme and a few of others, and their themes."""
    random = np.random.default_rng(seed)
    everything = [word for words in WORDS.values() for word in words]
    themes = random.choice(sorted(WORDS), rows).tolist()
    texts = [
        " ".join([*random.choice(WORDS[theme], 4), *random.choice(everything, 3), "!"])
        for theme in themes
    ]
    return texts, themes


def handmade(
    hidden: tuple[int, ...] = (), seed: int = 1, settings: NgramSettings | None = None
) -> Classifier:
    """Return a classifier of the themes; its units are random but for the themes' own words."""
    settings = settings or NgramSettings(max_n=3)
    random = np.random.default_rng(seed)
    found = {h: n for text in themed_texts(200)[0] for n, h in reference.ngrams(text, settings)}
    hashes = np.array(sorted(found), np.uint64)
    names = [found[h].encode() for h in hashes.tolist()]
    vocabulary = Vocabulary(
        hashes,
        np.arange(len(names), dtype=np.int32),
        random.uniform(1, 5, len(names)).astype(np.float32),
        np.frombuffer(b"".join(names), np.uint8),
        np.cumsum([0, *map(len, names)]).astype(np.int64),
    )
    labels = sorted(WORDS)
    widths = [len(names), *hidden, len(labels)]
    layers = [
        Dense(
            random.normal(size=(a, b)).astype(np.float32) / np.float32(np.sqrt(min(a, 10))),
            random.normal(size=b).astype(np.float32) / 10,
        )
        for a, b in pairwise(widths)
    ]
    if not hidden:
        for i, name in enumerate(names):
            for c, label in enumerate(labels):
                layers[0].kernel[i, c] += 4 * (name.decode() in WORDS[label])
    return Classifier(labels, Vectorizer(settings, vocabulary), layers, 1.2, {"food": "Meals"})


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of caches for each test: none shall use, or fill, the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TEXTCLF_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def shared_cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same, for fixtures that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTCLF_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Classifier]:
    """`handmade`, for tests that want a model of their own."""
    return handmade


@pytest.fixture(scope="session")
def themes() -> tuple[list[str], list[str]]:
    """300 texts and their themes."""
    return themed_texts(300)


@pytest.fixture(scope="session")
def themes_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a linear model of the themes."""
    folder = tmp_path_factory.mktemp("themes") / "model"
    handmade().save(folder)
    return folder


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a file system of a few MB; skip where that is not permitted."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(*options: str) -> Path:
        result = subprocess.run(
            ["mount", *options, str(folder)], capture_output=True, text=True, check=False
        )
        if result.returncode:
            pytest.skip(f"mount is not permitted: {result.stderr.strip()}")
        return folder

    if not shutil.which("mount"):
        pytest.skip("there is no mount")
    yield mount
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
