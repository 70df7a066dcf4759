"""Starting from a published model: its weights are taken apart as they were put together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from textclf.classifier import Classifier
from textclf.errors import ConfigError, DataError
from textclf.job import TrainingFiles, recipe, resume_key
from textclf.layers import Dense
from textclf.pipeline import Policy, train
from textclf.runs import RunStore
from textclf.settings import NetworkSettings, Settings, resolve
from textclf.warm_start import split_members

SETTINGS = [
    "training.epochs=4", "training.threads=1", "network.units=8", "training.validation_split=0.1",
]  # fmt: skip


def layers_of(weights: list[tuple[str, np.ndarray]]) -> list[Dense]:
    arrays = [array for _, array in weights]
    return [Dense(k, b) for k, b in zip(arrays[::2], arrays[1::2], strict=True)]


@pytest.mark.parametrize("members", [1, 2, 3])
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_weights_are_split_as_they_were_merged(layers: int, members: int) -> None:
    from textclf.network import build_network
    from textclf.weights import merge_members

    settings = NetworkSettings(layers=layers, units=5, members=members, dropout=0.5)
    draw = np.random.default_rng(1)
    shapes = [w.shape for w in build_network(7, 4, settings, seed=1).trainable_weights]
    weights = [draw.normal(size=shape).astype(np.float32) for shape in shapes]
    merged = merge_members(weights, members, 4)
    found = split_members(layers_of(merged), settings)
    assert [array.shape for array in found] == shapes
    for array, wanted in list(zip(found, weights, strict=True))[: 2 * layers - 2]:
        assert np.array_equal(array, wanted)
    if layers > 1:  # of the last layer the bias alone cannot be told apart
        assert np.allclose(found[-2], weights[-2], rtol=1e-6)
    again = merge_members(found, members, 4)
    for (_, array), (_, wanted) in zip(again, merged, strict=True):
        assert np.allclose(array, wanted, rtol=1e-6)


@pytest.mark.parametrize("change", [{"layers": 3}, {"units": 6}, {"members": 2}])
def test_layers_of_another_shape_are_refused(change: dict[str, int]) -> None:
    draw = np.random.default_rng(1)
    layers = [
        Dense(draw.normal(size=(7, 15)).astype(np.float32), np.zeros(15, np.float32)),
        Dense(draw.normal(size=(15, 4)).astype(np.float32), np.zeros(4, np.float32)),
    ]
    settings = NetworkSettings(layers=2, units=5, members=3, dropout=0.5)
    assert len(split_members(layers, settings)) == 4
    with pytest.raises(ConfigError, match="without --warm-start"):
        split_members(layers, dataclasses.replace(settings, **change))


def write(path: Path, texts: list[str], labels: list[str]) -> TrainingFiles:
    rows = zip(labels, texts, strict=True)
    path.write_text("label,text\n" + "".join(f"{a},{b}\n" for a, b in rows))
    return TrainingFiles((str(path),))


@pytest.fixture
def files(themes: tuple[list[str], list[str]], tmp_path: Path) -> TrainingFiles:
    return write(tmp_path / "themes.csv", *themes)


def run(files: TrainingFiles, folder: Path, *overrides: str, warm: bool = True) -> dict:
    settings = resolve((), [*SETTINGS, *overrides])
    return train("m", files, settings, folder, policy=Policy(warm_start=warm)).metrics


def test_training_goes_on_from_the_published_weights(files: TrainingFiles, tmp_path: Path) -> None:
    models, store = tmp_path / "models", RunStore(tmp_path / "models", "m")
    first = run(files, models)
    assert first["warm_start"] is None
    cold = Classifier.load(store.current().folder)
    # At next to no learning rate and without averaging, the weights stay those that it began with.
    second = run(files, models, "training.learning_rate=1e-9", "training.averaged_steps=0")
    warm = Classifier.load(store.current().folder)
    assert second["warm_start"]["run"] == first["run"]
    assert second["seconds"].keys() >= {"vectorize", "train"}
    assert "read" not in second["seconds"]
    assert second["samples"] == first["samples"]
    assert second["features"] == first["features"]
    assert np.array_equal(warm.vectorizer.vocabulary.text, cold.vectorizer.vocabulary.text)
    assert np.array_equal(warm.vectorizer.vocabulary.idf, cold.vectorizer.vocabulary.idf)
    for a, b in zip(warm.layers, cold.layers, strict=True):
        assert np.allclose(a.kernel, b.kernel, rtol=1e-3, atol=1e-6)
        assert np.allclose(a.bias, b.bias, rtol=1e-5, atol=1e-6)
    config = (store.current().folder / "config.toml").read_text()
    assert f'warm_start = "{first["run"]}"' in config


def test_the_same_start_gives_the_same_weights(files: TrainingFiles, tmp_path: Path) -> None:
    models, store = tmp_path / "models", RunStore(tmp_path / "models", "m")
    run(files, models)
    begun, found = store.current(), []
    for _ in range(2):
        store.promote(begun)
        run(files, models)
        tensors = store.current().folder / "model" / "model.safetensors"
        found.append(tensors.read_bytes())
    assert found[0] == found[1]
    assert found[0] != (begun.folder / "model" / "model.safetensors").read_bytes()


def test_rows_of_known_labels_only_are_taken(
    themes: tuple[list[str], list[str]], files: TrainingFiles, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    run(files, models)
    texts, labels = themes
    fewer = [(t, x) for t, x in zip(texts, labels, strict=True) if x != "food"]
    some = write(tmp_path / "some.csv", *map(list, zip(*fewer, strict=True)))
    assert run(some, models)["classes"] == 3
    more = write(tmp_path / "more.csv", [*texts, "cat"], [*labels, "pets"])
    with pytest.raises(DataError, match="the label 'pets' was never seen in training") as found:
        run(more, models)
    assert str(found.value).endswith("train without --warm-start")


def test_the_columns_of_a_validation_file_are_found_by_the_names_of_the_training_file(
    themes: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    rows = list(zip(*themes, strict=True))
    own, held_out = tmp_path / "own.csv", tmp_path / "held_out.csv"
    own.write_text("theme,words\n" + "".join(f"{b},{a}\n" for a, b in rows[50:]))
    held_out.write_text("words,theme\n" + "".join(f"{a},{b}\n" for a, b in rows[:50]))
    files = TrainingFiles((str(own),), validation=(str(held_out),))
    run(files, tmp_path / "models")
    again = run(files, tmp_path / "models")
    assert again["warm_start"] is not None
    assert again["samples"]["validation"] == 50


@pytest.mark.parametrize(
    "override", ["ngrams.max_n=1", "network.units=4", "network.members=2", "training.seed=2"]
)
def test_other_settings_that_matter_are_refused(
    files: TrainingFiles, tmp_path: Path, override: str
) -> None:
    run(files, tmp_path / "models", "training.epochs=1")
    with pytest.raises(ConfigError, match=override.partition("=")[0]) as found:
        run(files, tmp_path / "models", override)
    assert len(str(found.value).splitlines()) == 1


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_default_number_of_units_fits(n_classes: int, tmp_path: Path) -> None:
    labels = [f"c{i % n_classes}" for i in range(60)]
    files = write(tmp_path / "few.csv", [f"word{x} text{i}" for i, x in enumerate(labels)], labels)
    run(files, tmp_path / "models", "network.units=0", "training.epochs=1")
    again = run(files, tmp_path / "models", "network.units=0", "training.epochs=1")
    assert again["warm_start"] is not None


def test_it_is_part_of_the_recipe_and_its_origin_of_the_key(files: TrainingFiles) -> None:
    settings = Settings()
    assert recipe(files, settings) != recipe(files, settings, True)
    keys = {resume_key(files, settings, True, origin) for origin in (None, "a", "b")}
    assert len(keys | {resume_key(files, settings)}) == 4


def test_rows_that_would_be_held_out_must_not_have_been_trained_on(
    files: TrainingFiles, tmp_path: Path
) -> None:
    run(dataclasses.replace(files, validation=files.train), tmp_path / "a")
    with pytest.raises(ConfigError, match="had a validation file"):
        run(files, tmp_path / "a")
    labels = [f"c{i % 2}" for i in range(3000)]
    texts = [f"word{x} text{i}" for i, x in enumerate(labels)]
    more = write(tmp_path / "more.csv", texts, labels)
    fewer = write(tmp_path / "fewer.csv", texts[:1000], labels[:1000])
    run(fewer, tmp_path / "b")
    run(more, tmp_path / "b")  # of which a smaller share is held out
    with pytest.raises(DataError, match="a larger share is held out"):
        run(fewer, tmp_path / "b")


def test_settings_of_the_published_run_that_are_no_table_are_refused(
    files: TrainingFiles, tmp_path: Path
) -> None:
    run(files, tmp_path)
    (tmp_path / "m" / "current" / "config.toml").write_text("training = 5\n")
    with pytest.raises(ConfigError, match=r"needs network\.layers to be None"):
        run(files, tmp_path)
