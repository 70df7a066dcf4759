"""scikit-learn: TfidfVectorizer of word 1-2-grams and LinearSVC, both else as they come.

`--sublinear` takes 1 + ln(tf); `--punctuation` keeps marks as tokens (`\\w+|[^\\w\\s]`), as
textclf does. It gets the texts as they are; the vectorizer lower-cases. One thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .stages import Stages, answer, main, read, read_lines, scores, write_lines


def train(args: argparse.Namespace) -> None:
    """Read, vectorize, train, save, test."""
    stages = Stages()
    with stages.stage("import"):
        import joblib
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.svm import LinearSVC
    with stages.stage("read"):
        labels, texts = read(args.train)
    options = {"token_pattern": r"\w+|[^\w\s]"} if args.punctuation else {}
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=args.sublinear, **options)
    with stages.stage("vectorize"):
        matrix = vectorizer.fit_transform(texts)
    with stages.stage("train"):
        model = LinearSVC().fit(matrix, labels)
    model_file = args.work / "model.joblib"
    with stages.stage("save"):
        joblib.dump((vectorizer, model), model_file)
    with stages.stage("evaluate"):
        true, texts = read(args.test)
        figures = scores(true, model.predict(vectorizer.transform(texts)).tolist())
    answer(stages, figures, model_file, features=matrix.shape[1])


def predict(model: Path, texts: Path, output: Path) -> None:
    """Label a text a line."""
    import joblib

    vectorizer, svc = joblib.load(model)
    write_lines(output, svc.predict(vectorizer.transform(read_lines(texts))).tolist())


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sublinear", action="store_true")
    parser.add_argument("--punctuation", action="store_true")


if __name__ == "__main__":
    main(train, predict, _options)
