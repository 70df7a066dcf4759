"""textclf evaluate, for people and for machines."""

import json

import pytest


@pytest.fixture(scope="module")
def rows(tmp_path_factory, themes):
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    lines = [
        f"{t},{'web' if i % 3 else 'mail'},{x}"
        for i, (x, t) in enumerate(zip(*themes, strict=True))
    ]
    path.write_text("\n".join(["label,source,text", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory, make_model):
    folder = tmp_path_factory.mktemp("other") / "model"
    make_model((8,), seed=2).save(folder)
    return folder


def test_json_is_one_object_with_every_figure(textclf, themes_model, other, rows):
    result = textclf(
        "evaluate", themes_model, rows, "--slice-by", "source", "--against", other, "--json"
    )
    found = json.loads(result.stdout)
    assert set(found) == {
        "rows", "accuracy", "loss", "macro_f1", "micro_f1", "weighted_f1", "ece", "intervals",
        "labels", "by_class", "confusion", "mistakes", "slices", "against",
    }  # fmt: skip
    assert found["rows"] == 300
    low, high = found["intervals"]["accuracy"]
    assert low < found["accuracy"] < high
    assert set(found["slices"]) == {"web", "mail"}
    assert found["against"]["mcnemar"]["p_value"] < 0.01
    assert len(found["mistakes"]) == 5


def test_people_get_tables(textclf, themes_model, other, rows):
    result = textclf("evaluate", themes_model, rows, "--slice-by", "2", "--against", other)
    assert result.returncode == 0, result.stderr
    for part in (
        "rows 300  accuracy", "food Meals", "95 % interval", "label \\ predicted", "mail",
        "McNemar's test (chi-squared): p =", "most confident mistakes",
    ):  # fmt: skip
        assert part in result.stdout


def test_a_column_goes_by_its_number_however_that_is_written(textclf, themes_model, rows):
    result = textclf("evaluate", themes_model, rows, "--slice-by", "02", "--json")
    assert set(json.loads(result.stdout)["slices"]) == {"web", "mail"}
    result = textclf("evaluate", themes_model, rows, "--slice-by", "*")
    assert result.returncode == 2
    assert "--slice-by takes one column" in result.stderr


def test_an_unknown_label_is_told_with_its_row(textclf, themes_model, tmp_path):
    (tmp_path / "a.csv").write_text("label,text\nfood,soup\nweather,rain\n")
    result = textclf("evaluate", themes_model, tmp_path / "a.csv")
    assert result.returncode == 65
    assert "row 3" in result.stderr
    assert "'weather'" in result.stderr


def test_a_column_that_is_not_there_is_told(textclf, themes_model, rows):
    result = textclf("evaluate", themes_model, rows, "--slice-by", "weekday")
    assert result.returncode == 65
    assert "no column 'weekday'" in result.stderr
