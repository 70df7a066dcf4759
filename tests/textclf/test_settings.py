"""Settings: defaults, tables, overrides, and what is said of a wrong one."""

import pytest

from textclf.errors import ConfigError
from textclf.settings import PRESETS, Settings, as_table, read_toml, resolve, stored_ngrams


def test_defaults_need_nothing():
    assert resolve() == Settings()


def test_the_last_word_counts():
    tables = [("a", {"training": {"epochs": 3, "seed": 4}}), ("b", {"training": {"epochs": 5}})]
    found = resolve(tables, ["training.seed=6"]).training
    assert (found.epochs, found.seed) == (5, 6)


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("training.learning_rate=1", "training", "learning_rate", 1.0),
        ("ngrams.analyzer=char", "ngrams", "analyzer", "char"),
        ('ngrams.analyzer="char"', "ngrams", "analyzer", "char"),
        ("ngrams.lowercase=false", "ngrams", "lowercase", False),
        ("ngrams.max_features=30_000", "ngrams", "max_features", 30_000),
    ],
)
def test_overrides_are_read_as_toml_or_bare_words(override, section, key, value):
    assert as_table(resolve([], [override]))[section][key] == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "is not section.key=value"),
        ("training.epoch=3", "no setting training.epoch; did you mean epochs"),
        ("train.epochs=3", "^--set train.epochs=3: no section train; did you mean training"),
        ("training.epochs=many", "training.epochs is 'many'; give a whole number"),
        ("training.epochs=0", "give 1 to 100000"),
        ("training.epochs=true", "give a whole number"),
        ("training.learning_rate=1" + 400 * "0", "give 1e-09 to 100.0"),
        ("training.learning_rate=1" + 5000 * "0", "give a number"),
        ("ngrams.norm=l1", "choose one of l2, none"),
    ],
)
def test_wrong_overrides_are_explained_in_a_line(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        resolve([], [override])
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)


def test_the_shortest_ngram_is_no_longer_than_the_longest():
    assert resolve(overrides=["ngrams.min_n=4"]).ngrams.max_n == 0  # left to the data
    with pytest.raises(ConfigError, match="above max_n"):
        resolve(overrides=["ngrams.min_n=4", "ngrams.max_n=3"])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    resolve([(name, PRESETS[name])])


def test_the_guides_preset_is_the_guides():
    guide = resolve([("guide", PRESETS["guide"])])
    assert (guide.network.layers, guide.network.units, guide.network.dropout) == (2, 64, 0.2)
    assert (guide.training.batch_size, guide.training.learning_rate) == (128, 1e-3)
    assert (guide.ngrams.max_features, guide.ngrams.selection) == (20_000, "f_classif")


@pytest.mark.parametrize("feature", ["boundaries", "gaps", "as_written"])
def test_a_model_that_says_nothing_of_a_feature_was_stored_before_it(feature):
    stored = as_table(resolve())["ngrams"]
    assert getattr(stored_ngrams(stored), feature)
    del stored[feature]
    assert not getattr(stored_ngrams(stored), feature)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "c.toml"
    for broken in ("a = [", "a = 1" + 5000 * "0"):
        path.write_text(broken)
        with pytest.raises(ConfigError, match=r"c\.toml: is not valid TOML"):
            read_toml(path)
    with pytest.raises(ConfigError, match=r"none\.toml: no such file; check the path"):
        read_toml(tmp_path / "none.toml")


def test_a_section_that_is_no_table_is_explained():
    with pytest.raises(ConfigError, match=r"^c\.toml: training is 3; write \[training\]"):
        resolve([("c.toml", {"training": 3})])
