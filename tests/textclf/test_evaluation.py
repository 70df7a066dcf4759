"""Evaluation against scikit-learn and scipy, by block and at once."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn import metrics as skl

from textclf.classifier import Classifier
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import Columns
from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.errors import DataError, UsageError
from textclf.evaluation import EvaluationSettings, measure
from textclf.intervals import Losses, intervals, wilson
from textclf.metrics import Evaluation
from textclf.significance import McNemar


@pytest.fixture(scope="module")
def classifier(themes_model):
    return Classifier.load(themes_model)


@pytest.fixture(scope="module")
def rows(tmp_path_factory, themes):
    """A CSV of label, source and text; the sources differ in size."""
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    lines = [
        f"{t},{'web' if i % 3 else 'mail'},{x}"
        for i, (x, t) in enumerate(zip(*themes, strict=True))
    ]
    path.write_text("\n".join(["label,source,text", *lines]) + "\n")
    return path


def corpus(path, classifier, **options):
    fmt = CorpusFormat(label_column="label", text_columns=("text",), extra_columns=("source",))
    return Corpus((path,), fmt, labels=LabelMap(classifier.labels).freeze(), **options)


@pytest.fixture(scope="module")
def outcome(classifier, themes):
    """True and predicted labels and probabilities, by the model itself."""
    probabilities = classifier.predict_proba(themes[0])
    predicted = [classifier.labels[i] for i in probabilities.argmax(axis=1)]
    return np.array(themes[1]), np.array(predicted), probabilities.astype(np.float64)


def test_figures_are_those_of_scikit_learn(classifier, rows, outcome):
    true, predicted, probabilities = outcome
    found = measure(classifier, corpus(rows, classifier)).as_dict()
    assert found["rows"] == len(true)
    assert found["accuracy"] == pytest.approx(skl.accuracy_score(true, predicted))
    for average in ("macro", "micro", "weighted"):
        expected = skl.f1_score(true, predicted, average=average)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    assert found["loss"] == pytest.approx(skl.log_loss(true, probabilities), rel=1e-5)
    assert found["confusion"] == skl.confusion_matrix(true, predicted).tolist()
    per_class = skl.precision_recall_fscore_support(true, predicted)
    for i, line in enumerate(found["by_class"]):
        expected = [figure[i] for figure in per_class]
        assert [line[k] for k in ("precision", "recall", "f1", "support")] == pytest.approx(
            expected
        )


def test_slices_are_the_rows_of_each_value(classifier, rows, outcome):
    true, predicted, _ = outcome
    settings = EvaluationSettings(slice_by="source")
    found = measure(classifier, corpus(rows, classifier), settings)
    assert list(found.slices) == ["web", "mail"]
    mail = np.arange(len(true)) % 3 == 0
    assert found.slices["mail"].rows == mail.sum()
    expected = skl.f1_score(true[mail], predicted[mail], average="macro")
    assert found.slices["mail"].macro_f1 == pytest.approx(expected)


def test_too_many_slices_are_refused(classifier, tmp_path):
    lines = "".join(f"food,{i},soup\n" for i in range(1001))
    (tmp_path / "a.csv").write_text("label,source,text\n" + lines)
    settings = EvaluationSettings(slice_by="source")
    with pytest.raises(DataError, match="more than 1000 values"):
        measure(classifier, corpus(tmp_path / "a.csv", classifier), settings)


@pytest.mark.parametrize("kept", [0, 1, 4, 1000])
def test_the_most_confident_mistakes_are_kept(classifier, rows, outcome, kept):
    true, predicted, probabilities = outcome
    settings = EvaluationSettings(mistakes=kept, replicates=0)
    found = measure(classifier, corpus(rows, classifier, block_bytes=1000), settings).mistakes
    wrong = np.flatnonzero(true != predicted)
    worst = wrong[np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")][:kept]
    assert [m.row for m in found] == (worst + 2).tolist()  # the header is row 1
    assert [m.label for m in found] == true[worst].tolist()
    assert [m.confidence for m in found] == pytest.approx(probabilities.max(axis=1)[worst].tolist())


def test_intervals_are_those_of_a_bootstrap_over_rows(outcome):
    true, predicted, probabilities = outcome
    labels = sorted(set(true))
    codes = np.array([labels.index(t) for t in true], np.int32)
    found, losses = Evaluation(labels), Losses()
    for part in np.array_split(np.arange(len(true)), 7):
        found.add(codes[part], probabilities[part].astype(np.float32))
        losses.add(codes[part], probabilities[part].astype(np.float32))
    ours = intervals(found, losses, 4000, 0.95, 1)
    per_row = {
        "loss": -np.log(probabilities[np.arange(len(true)), codes]),
    }
    for name, values in per_row.items():
        expected = scipy_bootstrap(
            (values,), np.mean, n_resamples=4000, method="percentile", random_state=2
        ).confidence_interval
        width = expected.high - expected.low
        assert ours[name] == pytest.approx(tuple(expected), abs=0.06 * width)
    random = np.random.default_rng(3)
    draws = []
    for _ in range(2000):
        again = random.integers(0, len(true), len(true))
        draws.append(skl.f1_score(true[again], predicted[again], average="macro"))
    low, high = 2 * found.macro_f1 - np.quantile(draws, [0.975, 0.025])
    assert ours["macro_f1"] == pytest.approx((low, high), abs=0.15 * (high - low))


def test_the_interval_of_macro_f1_holds_the_true_value_though_classes_are_small():
    """Six rows a class: the percentiles of resamples hold it in three cases of four."""
    classes, rows, random = 57, 342, np.random.default_rng(1)
    chances = np.full((classes, classes), 0.3 / classes**2)
    chances[np.diag_indices(classes)] += 0.7 / classes
    true_value = 0.7 + 0.3 / classes  # all classes are alike: F1 is the share of rows right
    held = 0
    for _ in range(100):
        found, losses = Evaluation([str(i) for i in range(classes)]), Losses()
        cells = np.arange(classes**2)
        found.count(cells // classes, cells % classes, random.multinomial(rows, chances.ravel()))
        losses.add(np.zeros(rows, np.int32), np.ones((rows, 1), np.float32))
        low, high = intervals(found, losses, 200, 0.95, 1)["macro_f1"]
        held += low <= true_value <= high
    assert held >= 90


def test_the_interval_of_macro_f1_holds_the_figure_where_all_resamples_are_lower():
    found, losses, random = Evaluation([str(i) for i in range(1500)]), Losses(), np.random
    true = np.repeat(np.arange(1500), 3)
    wrong = random.default_rng(1).random(len(true)) < 0.4
    predicted = np.where(wrong, random.default_rng(2).integers(0, 1500, len(true)), true)
    found.count(true, predicted, np.ones(len(true), np.int64))
    losses.add(np.zeros(len(true), np.int32), np.ones((len(true), 1), np.float32))
    low, high = intervals(found, losses, 200, 0.95, 1)["macro_f1"]
    assert low <= found.macro_f1 <= high


@pytest.mark.parametrize(("right", "rows"), [(0, 7), (3, 7), (7, 7), (88_000, 100_000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_of_accuracy_is_wilsons(right, rows, level):
    expected = binomtest(right, rows).proportion_ci(level, method="wilson")
    assert wilson(right, rows, level) == pytest.approx(tuple(expected), abs=1e-12)


def test_rows_without_a_mistake_are_no_proof_of_perfection():
    found, losses = Evaluation(["a", "b"]), Losses()
    sure = np.tile(np.float32([0.9, 0.1]), (20, 1))
    found.add(np.zeros(20, np.int32), sure)
    losses.add(np.zeros(20, np.int32), sure)
    low, high = intervals(found, losses, 100, 0.95, 1)["accuracy"]
    assert (round(low, 3), high) == (0.839, 1.0)


def test_intervals_depend_on_the_seed_alone(classifier, rows):
    def intervals(seed):
        settings = EvaluationSettings(replicates=50, seed=seed)
        return measure(classifier, corpus(rows, classifier), settings).intervals

    assert intervals(1) == intervals(1) != intervals(2)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 9), (12, 12), (20, 41), (13, 13), (400, 330)])
def test_mcnemar_is_exact_for_few_rows_and_chi_squared_for_many(b, c):
    test = McNemar()
    first = np.repeat([True, False, True], [b, c, 7])
    second = np.repeat([False, True, True], [b, c, 7])
    test.add(first, second)
    assert (test.only_first, test.only_second) == (b, c)
    if b + c == 0:
        expected = 1.0
    elif b + c < 25:
        assert test.exact
        expected = binomtest(min(b, c), b + c).pvalue
        tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
        assert expected == pytest.approx(min(1.0, 2 * tail))
    else:
        expected = math.erfc(math.sqrt(max(0, abs(b - c) - 1) ** 2 / (b + c) / 2))
    assert test.p_value == pytest.approx(expected)


def test_a_model_compared_with_itself_does_not_differ(classifier, rows):
    found = measure(classifier, corpus(rows, classifier), against=classifier)
    assert found.comparison.as_dict()["p_value"] == 1.0
    assert found.other.summary() == found.overall.summary()


def test_the_other_model_may_have_its_labels_in_another_order(classifier, rows, make_model):
    turned = make_model()
    turned.labels.reverse()
    turned.layers[-1].kernel[:] = turned.layers[-1].kernel[:, ::-1].copy()
    turned.layers[-1].bias[:] = turned.layers[-1].bias[::-1].copy()
    found = measure(classifier, corpus(rows, classifier), against=turned)
    assert found.comparison.only_first == found.comparison.only_second == 0


def test_models_of_other_labels_are_not_compared(classifier, rows, make_model):
    other = make_model()
    other.labels[0] = "weather"
    with pytest.raises(UsageError, match="different labels"):
        measure(classifier, corpus(rows, classifier), against=other)


def test_each_of_two_models_reads_its_own_columns(rows, themes_model, tmp_path, themes):
    import shutil

    models = []
    for name, columns in (("new", ("source", "text")), ("old", ("source",))):
        shutil.copytree(themes_model, tmp_path / name)
        model = Classifier.load(tmp_path / name)
        places = {"source": 1, "text": 2}
        names = {0: "label"} | {places[c]: c for c in columns}
        model.columns = Columns(3, 0, tuple(places[c] for c in columns), names)
        models.append(model)
    fmt = CorpusFormat(trained=models[0].columns)
    labels = LabelMap(models[0].labels).freeze()
    found = measure(models[0], Corpus((rows,), fmt, labels=labels), against=models[1])
    alone = measure(
        models[1], Corpus((rows,), CorpusFormat(trained=models[1].columns), labels=labels)
    )
    assert found.other.summary() == alone.overall.summary()
    assert found.overall.summary() != alone.overall.summary()
