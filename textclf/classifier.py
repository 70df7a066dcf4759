"""The saved model: loads, checks and predicts without TensorFlow."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.layout import Columns
from textclf.errors import DataError
from textclf.layers import Dense, forward
from textclf.metrics import softmax
from textclf.model_checks import (
    check_class_names,
    check_labels,
    check_layers,
    check_ngrams,
    check_reach,
    check_stored_kernel,
    check_temperature,
    check_vocabulary,
)
from textclf.ngrams.vectorizer import Rows, Vectorizer, Vocabulary
from textclf.quantization import pack, unpack
from textclf.reading import reading

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock

Floats = NDArray[np.float32]

_FORMATS = (1, 2)  # 2 has kernels of fewer bits
_MANIFEST, _HEADER, _TENSORS = "manifest.json", "model.json", "model.safetensors"
_PROBABILITIES = 16 << 20  # computed at once
_TEXT = 1 << 20  # bytes of text vectorized at once: rows may be few and long
_LARGEST_TEXT_FILE = 64 << 20  # bytes; labels and settings are far smaller
_VOCABULARY = tuple(field.name for field in dataclasses.fields(Vocabulary))


class Classifier:
    """A trained model: text in, class probabilities out.

    Args:
        labels: Names of the classes.
        vectorizer: How text becomes features.
        layers: The network, first layer first; ReLU between layers, softmax at the end.
        temperature: What logits are divided by, from calibration (Guo et al. 2017).
        class_names: What people call the labels, where that differs.
        columns: Columns of the files it was trained on, if they had columns.
    """

    def __init__(
        self,
        labels: Sequence[str],
        vectorizer: Vectorizer,
        layers: Sequence[Dense],
        temperature: float = 1.0,
        class_names: Mapping[str, str] | None = None,
        columns: Columns | None = None,
    ) -> None:
        self.labels = list(labels)
        self.vectorizer = vectorizer
        self.layers = list(layers)
        self.temperature = temperature
        self.class_names = dict(class_names or {})
        self.columns = columns

    def name_of(self, label: str) -> str:
        """Return the label, with what people call it where that differs: `2 Sports`."""
        name = self.class_names.get(label, label)
        return label if name == label else f"{label} {name}"

    def labels_of(self, name: str) -> list[str]:
        """Return the label of this name, else those whose class is called so: `Sports`."""
        if name in self.labels:
            return [name]
        return [
            label
            for label in self.labels
            if name in (self.class_names.get(label), self.name_of(label))
        ]

    def logits(self, rows: Rows) -> Floats:
        """Return (rows, classes) float32 logits, calibrated."""
        logits = forward(rows, self.layers)
        return np.asarray(logits / np.float32(self.temperature), dtype=np.float32)

    def predict_block(self, block: TextBlock) -> Floats:
        """Return (rows, classes) float32 probabilities of a block's rows."""
        return softmax(self.logits(self.vectorizer.transform(block)))

    def parts(self, blocks: Iterable[TextBlock]) -> Iterator[TextBlock]:
        """Yield blocks, or parts of them of little text whose probabilities take 64 MiB at most."""
        most = max(1, _PROBABILITIES // len(self.labels))
        for block in blocks:
            whole = len(block.text) <= _TEXT
            for piece in (block,) if whole else block.pieces(_TEXT):
                yield from piece.parts(most)

    def predict_blocks(self, blocks: Iterable[TextBlock]) -> Iterator[tuple[TextBlock, Floats]]:
        """Yield each block with its rows' probabilities, in order.

        The first block is answered at once, the others ahead of time on all cores.
        """
        from textclf.parallel import ordered_map

        stream = self.parts(blocks)
        for block in stream:
            yield block, self.predict_block(block)
            break
        yield from ordered_map(lambda block: (block, self.predict_block(block)), stream)

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return (texts, classes) float32 probabilities."""
        from textclf.corpus.block import TextBlock

        return self.predict_block(TextBlock.from_texts(texts))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return [self.labels[i] for i in self.predict_proba(texts).argmax(axis=1)]

    def save(self, folder: Path) -> None:
        """Write the model into a new folder, which appears when all is written.

        Raises:
            FileExistsError: If the folder exists.
            OSError: If it cannot be written.
        """
        from safetensors import SafetensorError

        if folder.exists():
            what = f"{os.strerror(errno.EEXIST)}; name a new folder"
            raise FileExistsError(errno.EEXIST, what, str(folder))
        hidden = folder.with_name(f".textclf-{secrets.token_hex(3)}")  # its name may be the longest
        hidden.mkdir(parents=True)
        try:
            self._write(hidden)
            hidden.rename(folder)
        except SafetensorError as error:
            raise OSError(str(error)) from error
        finally:
            shutil.rmtree(hidden, ignore_errors=True)

    def _write(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        vocabulary = self.vectorizer.vocabulary
        tensors = {f"vocabulary.{n}": getattr(vocabulary, n) for n in _VOCABULARY}
        for i, layer in enumerate(self.layers):
            tensors |= {f"layer{i}.{name}": array for name, array in pack(layer).items()}
        contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        save_file(contiguous, folder / _TENSORS)
        header = {
            "labels": self.labels,
            "class_names": self.class_names,
            "ngrams": dataclasses.asdict(self.vectorizer.settings),
            "layers": len(self.layers),
            "temperature": self.temperature,
            "columns": self.columns.as_dict() if self.columns is not None else None,
        }
        text = json.dumps(header, indent=2, ensure_ascii=False)
        # Of names that are not Unicode, JSON's own escapes are left.
        (folder / _HEADER).write_text(text, "utf-8", "backslashreplace")
        # Written for its owner alone; others may read a model as they may any new file.
        (folder / _TENSORS).chmod((folder / _HEADER).stat().st_mode & 0o777)
        files = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)}
            for name in (_HEADER, _TENSORS)
        }
        plain = all(layer.stored == "float32" for layer in self.layers)
        manifest = {"format": _FORMATS[0 if plain else 1], "files": files}
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Classifier:
        """Load a model from its folder, or from the folder of its run.

        Sizes and checksums are checked before anything is read; nothing in a model is code.

        Raises:
            DataError: If it is no model, cannot be read, is damaged, or was written by a newer
                version.
        """
        while True:
            # Once: `current` may name another run before all is read.
            found = model_folder(Path(folder)).resolve()
            try:
                with reading(found):
                    return cls._load(found)
            except DataError:  # or the run was pruned meanwhile
                if model_folder(Path(folder)).resolve() == found:
                    raise

    @classmethod
    def _load(cls, folder: Path) -> Classifier:
        _check_manifest(folder)
        try:
            header = json.loads((folder / _HEADER).read_bytes())
            return _assemble(header, _read_tensors(folder / _TENSORS))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"the model does not hold together ({error})",
                where=str(folder),
                remedy="train it again or restore it from a copy",
            ) from error


def model_folder(path: Path) -> Path:
    """Return the model's folder for a path to it, to its run or to all of its runs.

    Of a folder that is a model and has runs too, it is the published one's.

    Raises:
        DataError: If there is no model.
    """
    for folder in (path / "current" / "model", path, path / "model"):
        if (folder / _MANIFEST).is_file():
            return folder
    problem = "is not a model" if path.exists() else "no such model"
    raise DataError(
        problem, where=str(path), remedy="name a model's folder, such as models/NAME, or a run's"
    )


def read_labels(path: Path) -> list[str]:
    """Return a model's labels without reading its weights.

    Args:
        path: Folder of the model or of its run.

    Raises:
        DataError: If they cannot be read.
    """
    with reading(path):
        file = model_folder(path) / _HEADER
        try:
            return check_labels(json.loads(file.read_bytes())["labels"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise DataError("model.json is damaged", where=str(file.parent)) from error


def check_model(path: Path) -> None:
    """Raise a DataError unless a model's files are there, and as they were written."""
    with reading(path):
        _check_manifest(model_folder(path))


def _check_manifest(folder: Path) -> None:
    def broken(what: str) -> DataError:
        return DataError(what, where=str(folder), remedy="train it again or restore it from a copy")

    path = folder / _MANIFEST
    if path.stat().st_size > _LARGEST_TEXT_FILE:
        raise broken("manifest.json is too large to be a manifest")
    try:
        manifest = json.loads(path.read_bytes())
        version, files = manifest["format"], manifest["files"]
        expected = {name: (files[name]["bytes"], files[name]["sha256"]) for name in files}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise broken("manifest.json is damaged") from error
    if version not in _FORMATS:
        raise DataError(
            f"the model has format {version!r}; this version of textclf reads "
            f"{' and '.join(map(str, _FORMATS))}",
            where=str(folder),
            remedy="update textclf or train the model again",
        )
    if set(expected) != {_HEADER, _TENSORS}:
        raise broken("manifest.json lists other files than a model has")
    for name, (size, digest) in expected.items():
        part = folder / name
        if not part.is_file():
            raise broken(f"{name} is missing")
        if part.stat().st_size != size:
            raise broken(f"{name} has {part.stat().st_size} bytes, not {size}")
        if _sha256(part) != digest:
            raise broken(f"{name} does not match its checksum")
    if (folder / _HEADER).stat().st_size > _LARGEST_TEXT_FILE:
        raise broken("model.json is too large")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _assemble(header: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Classifier:
    """Build a classifier, having checked that its parts fit each other."""
    labels = check_labels(header["labels"])
    vocabulary = Vocabulary(**{n: tensors[f"vocabulary.{n}"] for n in _VOCABULARY})
    check_vocabulary(vocabulary)
    layers = [_layer(tensors, i) for i in range(header["layers"])]
    check_layers(layers, vocabulary.size, len(labels))
    settings = check_ngrams(header["ngrams"])
    temperature = check_temperature(header["temperature"])
    check_reach(layers, vocabulary, settings.norm, temperature)
    names = check_class_names(header["class_names"])
    columns = Columns.of(header.get("columns"))  # models of old do not tell them
    vectorizer = Vectorizer(settings, vocabulary)
    return Classifier(labels, vectorizer, layers, temperature, names, columns)


def _layer(tensors: Mapping[str, NDArray[Any]], i: int) -> Dense:
    kernel, scales = tensors[f"layer{i}.kernel"], tensors.get(f"layer{i}.scales")
    stored = check_stored_kernel(i, kernel, scales)
    return Dense(unpack(kernel, scales), tensors[f"layer{i}.bias"], stored, scales)
