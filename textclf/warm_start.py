"""Going on from a published model: its vocabulary is kept, and training starts at its weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textclf.classifier import Classifier
from textclf.corpus.compression import SUFFIXES
from textclf.corpus.files import expand_files
from textclf.corpus.labels import LabelMap
from textclf.corpus.reader import Corpus
from textclf.corpus.streams import is_single_pass
from textclf.corpus_checks import check_classes, check_early
from textclf.errors import ConfigError, DataError
from textclf.job import TrainingFiles
from textclf.joining import network_of
from textclf.layers import Dense
from textclf.ngrams.shards import ShardSet
from textclf.preparation import Prepared, Stopwatch, shard_count
from textclf.progress import Report
from textclf.runs import Run
from textclf.settings import NetworkSettings, Settings, as_table, read_toml, table_of
from textclf.sizes import LEFT_TO_DATA, with_shape

# What the new run must share with the published one: all that says what a feature is, ...
_FREE_NGRAMS = {"count_memory_mb"}
# ... what shape the weights have, and which rows were not trained on.
_SHARED = {"network": ("layers", "units", "members"), "training": ("seed", "validation_split")}
_PACKED = 4  # how far text shrinks in a compressed file, about
_UNKNOWN_TEXT = 256 << 20  # bytes, if the files do not tell
_NEW_LABEL = "correct it, or train without --warm-start"

Arrays = list[NDArray[np.float32]]


@dataclass(frozen=True)
class WarmStart:
    """What a training starts from.

    Attributes:
        run: Id of the published run.
        sha256: Of its tensors.
        classifier: Its model.
        weights: Its weights as those of the network in training.
        metrics: Of the run.
    """

    run: str
    sha256: str
    classifier: Classifier
    weights: Arrays
    metrics: Mapping[str, Any]

    def origin(self) -> dict[str, str]:
        """Return what identifies it, for metrics.json."""
        return {"run": self.run, "sha256": self.sha256}


def start_from(run: Run, settings: Settings, *, own_validation: bool) -> WarmStart:
    """Return what a training with these settings starts from.

    Args:
        run: The published run.
        settings: Of the new training.
        own_validation: Whether there is a validation file; without, the held-out rows must be the
            same ones as before.

    Raises:
        ConfigError: If the settings differ in what the weights depend on.
        DataError: If the model is damaged.
    """
    metrics = run.metrics
    if not own_validation and "validation" in (metrics.get("sha256") or {}):
        raise ConfigError(
            f"--warm-start from run {run.id}, which had a validation file, and was trained on what "
            "would be held out",
            remedy="give --validation-file, or train without --warm-start",
        )
    if metrics.get("refit") and not own_validation:
        raise ConfigError(
            f"--warm-start from run {run.id}, which was trained on its held-out rows in the end",
            remedy="give --validation-file, or train without --warm-start and with "
            "--set training.refit=false",
        )
    classifier = Classifier.load(run.folder)
    wanted = as_table(settings)
    given = read_toml(run.folder / "config.toml")
    given["ngrams"] = dataclasses.asdict(classifier.vectorizer.settings)
    chosen = {n for n, unset in LEFT_TO_DATA.items() if wanted["ngrams"][n] == unset}
    for name in wanted["ngrams"].keys() - _FREE_NGRAMS - chosen:
        _check_same(run, "ngrams", name, given, wanted)
    for section, names in _SHARED.items():
        for name in names if section == "network" or not own_validation else ():
            _check_same(run, section, name, given, wanted)
    network = with_shape(
        settings.network, len(classifier.labels), classifier.vectorizer.vocabulary.size
    )
    weights = split_members(classifier.layers, network)
    manifest = json.loads((run.folder / "model" / "manifest.json").read_bytes())
    sha256 = manifest["files"]["model.safetensors"]["sha256"]
    return WarmStart(run.id, sha256, classifier, weights, metrics)


def _check_same(
    run: Run, section: str, name: str, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    had, wants = table_of(given, section).get(name), wanted[section][name]
    if had != wants:
        raise ConfigError(
            f"--warm-start from run {run.id} needs {section}.{name} to be {had!r} as there, "
            f"not {wants!r}",
            remedy="train without --warm-start",
        )


def split_members(layers: Sequence[Dense], network: NetworkSettings) -> Arrays:
    """Return the weights of `build_network`'s network that `merge_members` makes these layers of.

    Args:
        layers: Of a saved model; the members' hidden units stand side by side.
        network: Layers, units (not 0) and members.

    Raises:
        ConfigError: If the layers are not of such a network.
    """
    members, units = network.members, network.units
    classes, hidden = layers[-1].kernel.shape[1], members * units
    if layers[0].kernel.shape[1] == hidden + classes:
        layers = network_of(layers)
    widths = [hidden] * (network.layers - 1) + [classes]
    if [layer.kernel.shape[1] for layer in layers] != widths:
        raise ConfigError(
            f"the published network is not of {network.layers} layers with {members} times "
            f"{units} units",
            remedy="train without --warm-start",
        )
    found: Arrays = []
    for i, layer in enumerate(layers):
        kernel, bias = layer.kernel, layer.bias
        last = i == len(layers) - 1
        if last:  # the logits are the members' mean: each begins with the same bias
            bias = np.tile(bias, (members, 1))
        if i == 0:
            # Without hidden layers, members cannot be told apart again: all begin at their mean.
            kernel, bias = (np.tile(kernel, members) if last else kernel), bias.reshape(-1)
        elif last:
            kernel = kernel.reshape(members, units, classes) * np.float32(members)
        else:
            blocks = kernel.reshape(members, units, members, units)
            kernel = np.stack([blocks[m, :, m] for m in range(members)])
            bias = bias.reshape(members, units)
        found += [np.ascontiguousarray(kernel), np.ascontiguousarray(bias)]
    return found


def prepare_with(
    begun: WarmStart,
    files: TrainingFiles,
    settings: Settings,
    work: Path,
    watch: Stopwatch,
    report: Report,
) -> Prepared:
    """Read the training rows once, and write them to shards with the vocabulary there is.

    Raises:
        DataError: If the data cannot be used, also for a label that the model does not know.
    """
    from textclf.ngrams.matrix import write_matrix
    from textclf.ngrams.shards import shard_writers
    from textclf.ngrams.split import more_held_out, settle

    seed, vectorizer = settings.training.seed, begun.classifier.vectorizer
    labels = LabelMap(begun.classifier.labels).freeze(_NEW_LABEL)
    size, same = vectorizer.vocabulary.size, np.arange(len(labels.names), dtype=np.int32)
    check_early(files, settings.training.validation_split)
    hashes, bad_rows = {}, 0
    with watch.stage("vectorize"):
        shards = shard_count(_text_bytes(files.train), vectorizer.settings)
        writers = shard_writers(work, size, len(labels.names), shards, seed)
        layout, columns, named, fmt = "", None, True, files.format
        for part, names in files.parts():
            if part == "test":
                continue
            corpus = Corpus(names, fmt, labels=labels, bad_rows=files.bad_rows)
            share = 0.0 if files.validation else settings.training.validation_split
            split, blocks = settle(corpus.blocks(), share, seed)
            into = writers if part == "train" else (writers[1], writers[1])
            passes = iter([blocks])  # one
            write_matrix(passes.__next__, vectorizer.compiled(), split, same, *into, report)
            hashes[part] = corpus.sha256()
            bad_rows += corpus.rejected
            if part == "train":
                layout, columns = corpus.layout.describe(), corpus.layout.columns
                named = corpus.layout.named
                fmt = fmt.of_later_files(columns)
        train, validation = (writer.close() for writer in writers)
    if not files.validation and more_held_out(train.n_rows, validation.n_rows, begun.metrics):
        raise DataError(
            f"there are fewer rows, of which a larger share is held out: run {begun.run} was "
            "trained on some",
            where=", ".join(files.train),
            remedy="give --validation-file, or train without --warm-start",
        )
    check_classes(files, labels, _rows_by_class(train), _rows_by_class(validation), named)
    return Prepared(vectorizer, labels, train, validation, hashes, layout, bad_rows, columns)


def _rows_by_class(shards: ShardSet) -> NDArray[np.int64]:
    rows = np.zeros(shards.n_classes, np.int64)
    for shard in shards:
        rows += np.bincount(shard.y, minlength=len(rows))
    return rows


def _text_bytes(names: Sequence[str]) -> int:
    """Return about how much text files hold."""
    if any(is_single_pass(name) for name in names):
        return _UNKNOWN_TEXT
    packed = (*SUFFIXES, ".parquet")
    return sum(
        Path(name).stat().st_size * (_PACKED if name.endswith(packed) else 1)
        for name in expand_files(names)
    )
