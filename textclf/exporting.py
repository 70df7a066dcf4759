"""Writes a model in other programs' formats: ONNX, TensorFlow SavedModel, scikit-learn; or in ours.

ONNX and SavedModel hold the network, not the tokenizer, whose rules for Unicode neither can
express exactly. They take the features of `Vectorizer.transform` as three flat arrays: `rows`,
`columns` and `values` of the non-zeros, and `row_count`.
"""

from __future__ import annotations

import importlib
import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from textclf.corpus.block import TextBlock
from textclf.errors import OutputError, UsageError
from textclf.writing import unwritable

if TYPE_CHECKING:
    from textclf.classifier import Classifier

ExportFormat: TypeAlias = Literal["onnx", "saved_model", "sklearn", "textclf"]

_OPSET = 18  # the first whose ScatterND adds
_IR_VERSION = 9  # what runtimes since 2023 read


class Features(NamedTuple):
    """The non-zeros of rows of features, as exported networks take them.

    Attributes:
        rows: (non-zeros,) int64.
        columns: (non-zeros,) int64.
        values: (non-zeros,) float32.
        row_count: () int64.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    row_count: NDArray[np.int64]


def features(classifier: Classifier, texts: Sequence[str]) -> Features:
    """Return texts as the network that was exported of a model takes them."""
    rows = classifier.vectorizer.transform(TextBlock.from_texts(texts))
    count = len(rows.indptr) - 1
    return Features(
        np.repeat(np.arange(count, dtype=np.int64), np.diff(rows.indptr)),
        rows.indices.astype(np.int64),
        rows.data,
        np.array(count, dtype=np.int64),
    )


def export(classifier: Classifier, kind: ExportFormat, path: Path) -> None:
    """Write a model.

    Args:
        classifier: The model.
        kind: `onnx` and `sklearn` (skops) write a file, `saved_model` and `textclf` a folder.
        path: Where to; must not exist.

    Raises:
        OutputError: If it exists or cannot be written.
        UsageError: If a package that the format needs is not installed.
    """
    check_free(path)
    writers: dict[str, Callable[[Classifier, Path], None]] = {
        "onnx": _write_onnx,
        "saved_model": _write_saved_model,
        "sklearn": _write_sklearn,
        "textclf": _write_textclf,
    }
    unfinished = path.parent / f".{path.name}-{secrets.token_hex(3)}"
    try:
        writers[kind](classifier, unfinished)
        unfinished.rename(path)
    except (OSError, SafetensorError) as error:
        raise unwritable(path, error, "name another --output") from error
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def check_free(path: Path) -> None:
    """Raise an OutputError if a path exists."""
    if path.exists():
        raise OutputError("exists already", where=str(path), remedy="name another --output")


def _needed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise UsageError(
            f"the package {package} is not installed",
            remedy=f"pip install 'textclf[export]', or pip install {package}",
        ) from error


def _calibrated(classifier: Classifier) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return kernel and bias of each layer, the temperature within the last."""
    layers = [(layer.kernel, layer.bias) for layer in classifier.layers]
    kernel, bias = layers[-1]
    temperature = np.float32(classifier.temperature)
    layers[-1] = (
        (kernel / temperature).astype(np.float32),
        (bias / temperature).astype(np.float32),
    )
    return layers


def _write_textclf(classifier: Classifier, path: Path) -> None:
    classifier.save(path)


def _write_onnx(classifier: Classifier, path: Path) -> None:
    onnx = _needed("onnx", "onnx")
    numpy_helper = importlib.import_module("onnx.numpy_helper")
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    whole, real = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    layers = _calibrated(classifier)
    constants: dict[str, NDArray[Any]] = {
        "units": np.array([layers[0][0].shape[1]], dtype=np.int64),
        "last": np.array([-1], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
    }
    for i, (kernel, bias) in enumerate(layers):
        constants |= {f"kernel_{i}": kernel, f"bias_{i}": bias}
    nodes = [
        node("Reshape", ["row_count", "one"], ["count"]),
        node("Concat", ["count", "units"], ["shape"], axis=0),
        node("ConstantOfShape", ["shape"], ["zeros"]),
        node("Gather", ["kernel_0", "columns"], ["gathered"]),
        node("Unsqueeze", ["values", "last"], ["weights"]),
        node("Mul", ["gathered", "weights"], ["weighted"]),
        node("Unsqueeze", ["rows", "last"], ["places"]),
        node("ScatterND", ["zeros", "places", "weighted"], ["summed"], reduction="add"),
        node("Add", ["summed", "bias_0"], ["out_0"]),
    ]
    for i in range(1, len(layers)):
        nodes += [
            node("Relu", [f"out_{i - 1}"], [f"hidden_{i}"]),
            node("MatMul", [f"hidden_{i}", f"kernel_{i}"], [f"product_{i}"]),
            node("Add", [f"product_{i}", f"bias_{i}"], [f"out_{i}"]),
        ]
    nodes.append(node("Softmax", [f"out_{len(layers) - 1}"], ["probabilities"], axis=-1))
    inputs = [
        info("rows", whole, ["nonzeros"]), info("columns", whole, ["nonzeros"]),
        info("values", real, ["nonzeros"]), info("row_count", whole, []),
    ]  # fmt: skip
    outputs = [info("probabilities", real, ["rows_in_all", len(classifier.labels)])]
    tensors = [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants.items()]
    graph = onnx.helper.make_graph(nodes, "textclf", inputs, outputs, tensors)
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    onnx.helper.set_model_props(model, {"labels": json.dumps(classifier.labels)})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _write_saved_model(classifier: Classifier, path: Path) -> None:
    from textclf.tensorflow_runtime import load_tensorflow

    load_tensorflow(0)
    tf = importlib.import_module("tensorflow")
    module = tf.Module()
    module.layers = [
        (tf.Variable(kernel, trainable=False), tf.Variable(bias, trainable=False))
        for kernel, bias in _calibrated(classifier)
    ]
    module.labels = tf.Variable(classifier.labels, trainable=False)

    def serve(rows: Any, columns: Any, values: Any, row_count: Any) -> dict[str, Any]:
        (kernel, bias), *rest = module.layers
        weighted = tf.gather(kernel, columns) * values[:, None]
        out = tf.math.unsorted_segment_sum(weighted, rows, row_count) + bias
        for kernel, bias in rest:
            out = tf.nn.relu(out) @ kernel + bias
        probabilities = tf.nn.softmax(out)
        best = tf.gather(module.labels, tf.argmax(probabilities, axis=1))
        return {"probabilities": probabilities, "label": best}

    signature = [
        tf.TensorSpec([None], tf.int64, "rows"),
        tf.TensorSpec([None], tf.int64, "columns"),
        tf.TensorSpec([None], tf.float32, "values"),
        tf.TensorSpec([], tf.int64, "row_count"),
    ]
    module.serve = tf.function(serve, input_signature=signature)
    try:
        tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _write_sklearn(classifier: Classifier, path: Path) -> None:
    skops = _needed("skops.io", "skops")
    from textclf.sklearn_pipeline import sklearn_pipeline

    skops.dump(sklearn_pipeline(classifier), path)
