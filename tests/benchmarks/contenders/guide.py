"""Google's text-classification guide, written afresh, with its appendix' generator for batches.

TfidfVectorizer of word 1-2-grams (min_df 2, accents stripped), the best 20,000 by f_classif, a
perceptron of 64 units with dropout 0.2, Adam at 1e-3, dense batches of 128, and early stopping
after 2 epochs without a better validation loss. The guide stops by its test set; here a twentieth
of the training rows is held out for that, as in textclf. The last epoch's weights are kept, as
there. https://developers.google.com/machine-learning/guides/text-classification
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .stages import Stages, answer, main, read, read_lines, scores, write_lines

BATCH, TOP_K, EPOCHS, HELD_OUT = 128, 20_000, 1000, 0.05


def _batches(x: Any, y: Any, size: int = BATCH) -> Iterator[tuple[Any, Any]]:
    while True:
        for start in range(0, x.shape[0], size):
            yield x[start : start + size].toarray(), y[start : start + size]


def _perceptron(features: int, classes: int) -> Any:
    import keras

    layers = keras.layers
    binary = classes == 2
    model = keras.Sequential(
        [
            keras.Input((features,)),
            layers.Dropout(0.2),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1 if binary else classes, activation="sigmoid" if binary else "softmax"),
        ]
    )
    loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=["acc"])
    return model


def train(args: argparse.Namespace) -> None:
    """Read, vectorize, train, save, test."""
    stages = Stages()
    with stages.stage("import"):
        import joblib
        import keras
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.feature_selection import SelectKBest, f_classif
    with stages.stage("read"):
        labels, texts = read(args.train)
        names = sorted(set(labels))
        order = list(range(len(texts)))
        random.Random(1).shuffle(order)
        held_out = max(1, round(HELD_OUT * len(order)))
        parts = order[held_out:], order[:held_out]
        ys = [np.array([names.index(labels[i]) for i in part]) for part in parts]
    with stages.stage("vectorize"):
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2), dtype=np.float32, strip_accents="unicode",
            decode_error="replace", analyzer="word", min_df=2,
        )  # fmt: skip
        x_train = vectorizer.fit_transform([texts[i] for i in parts[0]])
        selector = SelectKBest(f_classif, k=min(TOP_K, x_train.shape[1])).fit(x_train, ys[0])
        x_train = selector.transform(x_train).astype("float32")
        x_val = selector.transform(vectorizer.transform([texts[i] for i in parts[1]]))
        x_val = x_val.astype("float32")
    with stages.stage("train"):
        keras.utils.set_random_seed(1)
        model = _perceptron(x_train.shape[1], len(names))
        history = model.fit(
            _batches(x_train, ys[0]),
            steps_per_epoch=math.ceil(x_train.shape[0] / BATCH),
            validation_data=_batches(x_val, ys[1]),
            validation_steps=math.ceil(x_val.shape[0] / BATCH),
            epochs=EPOCHS,
            callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=2)],
            verbose=0,
        )
    folder = args.work / "model"
    folder.mkdir()
    with stages.stage("save"):
        joblib.dump((vectorizer, selector, names), folder / "vectorizer.joblib")
        model.save(folder / "network.keras")
    with stages.stage("evaluate"):
        true, texts = read(args.test)
        figures = scores(
            true, _label(model, selector.transform(vectorizer.transform(texts)), names)
        )
    answer(stages, figures, folder, features=x_train.shape[1], epochs=len(history.epoch))


def _label(model: Any, x: Any, names: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, x.shape[0], 1024):
        p = model.predict_on_batch(x[start : start + 1024].toarray())
        places = (p[:, 0] > 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1)
        found += [names[int(place)] for place in places]
    return found


def predict(model: Path, texts: Path, output: Path) -> None:
    """Label a text a line."""
    import joblib
    import keras

    vectorizer, selector, names = joblib.load(model / "vectorizer.joblib")
    x = selector.transform(vectorizer.transform(read_lines(texts)))
    write_lines(output, _label(keras.models.load_model(model / "network.keras"), x, names))


if __name__ == "__main__":
    main(train, predict)
