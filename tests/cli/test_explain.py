"""textclf explain."""

import json
import os
import pty
import subprocess
import sys

import pytest


def test_without_a_text_each_class_is_explained(textclf, themes_model):
    result = textclf("explain", themes_model, "--top", 4)
    assert result.returncode == 0, result.stderr
    assert [line.split("  ")[0] for line in result.stdout.splitlines()[::6]] == [
        "food Meals", "music", "sport",
    ]  # fmt: skip


def test_json_of_the_classes_is_one_object(textclf, themes_model):
    found = json.loads(textclf("explain", themes_model, "--json", "--label", "music").stdout)
    assert list(found) == ["music"]
    assert len(found["music"]) == 10


def test_texts_of_a_file_are_explained_line_by_line(textclf, themes_model):
    result = textclf("explain", themes_model, "-", "--json", input="a tasty soup\ngoal !\n")
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["label"], second["label"]) == ("food", "sport")
    for found in (first, second):
        for label, logit in found["logits"].items():
            total = sum(line[label] for line in found["contributions"])
            assert abs(total - (logit - found["empty_logits"][label])) < 1e-4


def test_people_get_the_ngrams_and_no_colours_in_a_pipe(textclf, themes_model):
    result = textclf("explain", themes_model, "--text", "soup match", "--label", "sport")
    assert "adds to sport" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_terminal_gets_colours(themes_model):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "textclf", "explain", str(themes_model), "--text", "goal soup"]
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    subprocess.run(command, stdout=follower, stderr=follower, env=environment, check=True)
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert "\x1b[32m" in shown


def test_a_class_that_is_not_there_is_told(textclf, themes_model):
    result = textclf("explain", themes_model, "--label", "weather")
    assert result.returncode == 2
    assert "the classes are food Meals, music, sport" in result.stderr


@pytest.mark.parametrize("name", ["food", "Meals", "food Meals"])
def test_a_class_is_named_by_its_label_or_by_what_is_printed(textclf, themes_model, name):
    result = textclf("explain", themes_model, "--json", "--label", name)
    assert result.returncode == 0, result.stderr
    assert list(json.loads(result.stdout)) == ["food"]


def test_a_class_whose_name_is_not_its_own_alone_is_named_by_its_label(
    textclf, make_model, tmp_path
):
    model = make_model()
    model.class_names = {"food": "Fun", "music": "Fun"}
    model.save(tmp_path / "model")
    result = textclf("explain", tmp_path / "model", "--label", "Fun")
    assert result.returncode == 2
    assert "2 classes are named 'Fun'; give the label: food or music" in result.stderr
    assert textclf("explain", tmp_path / "model", "--label", "food Fun").returncode == 0


def test_texts_of_several_columns_are_shown_with_a_space_between(textclf, themes_model, tmp_path):
    (tmp_path / "a.csv").write_text("title,body\nsoup,for dinner\n")
    columns = ["--text-column", "title", "--text-column", "body"]
    result = textclf("explain", themes_model, tmp_path / "a.csv", *columns, "--json")
    assert json.loads(result.stdout)["text"] == "soup for dinner"


def test_json_of_one_class_has_its_contributions_alone(textclf, themes_model):
    result = textclf("explain", themes_model, "--text", "soup goal", "--json", "--label", "sport")
    for contribution in json.loads(result.stdout)["contributions"]:
        assert contribution.keys() == {"ngram", "sport"}
