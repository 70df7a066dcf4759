"""Drawings, read back from their coordinates."""

import itertools
import re

import numpy as np
import pytest

from textclf.report.charts import Line, histogram, line_chart, reliability, ticks


def attributes(tag):
    return dict(re.findall(r'([\w-]+)="([^"]*)"', tag))


def elements(svg, tag, style=""):
    found = [attributes(e) for e in re.findall(rf"<{tag} [^>]*>", str(svg))]
    return [e for e in found if style in e.get("class", "")]


def scale(svg):
    """Return what maps a place in the drawing to a value, by the two outermost grid lines."""
    labels = re.findall(r'class="grid"[^>]*y1="([\d.]+)"[^>]*/><text[^>]*>([^<]*)<', str(svg))
    (low, a), (high, b) = [(float(y), number(shown)) for y, shown in (labels[0], labels[-1])]
    return lambda y: a + (float(y) - low) / (high - low) * (b - a)


def number(shown):
    share = shown.endswith("%")
    return float(shown.rstrip("%").replace(",", "")) / (100 if share else 1)


@pytest.mark.parametrize("percent", [True, False])
def test_a_line_goes_through_its_points(percent):
    points = [(1, 0.31), (2, 0.84), (3, 0.5)]
    svg = line_chart("k", "T", [Line("a", "a", points)], percent, "s").svg
    value = scale(svg)
    (line,) = elements(svg, "polyline")
    places = [pair.split(",") for pair in line["points"].split()]
    assert [value(y) for _, y in places] == pytest.approx([y for _, y in points], abs=0.01)
    xs = [float(x) for x, _ in places]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)


@pytest.mark.parametrize("points", [[(1, 0.5)], [(1, 0.0), (2, 0.0)], [(1, 1e-9), (9, 3e5)]])
def test_a_line_of_few_or_extreme_points_can_be_drawn(points):
    svg = str(line_chart("k", "T", [Line("a", "a", points)], False, "s").svg)
    assert "nan" not in svg
    assert "inf" not in svg
    assert len(elements(svg, "circle")) == len(points)


def test_bars_are_as_high_as_their_rows():
    bins = [(10, 1.0, 4), (0, 0.0, 0), (30, 29.0, 24)]
    svg = histogram("k", bins).svg
    value = scale(svg)
    for style, heights in (("a", [4, 24]), ("b", [6, 6])):
        bars = elements(svg, "rect", f"bar {style}")
        found = [value(b["y"]) - value(float(b["y"]) + float(b["height"])) for b in bars]
        assert found == pytest.approx(heights, abs=0.2)


def test_reliability_bars_are_as_high_as_the_share_right():
    svg = reliability("k", [(10, 1.0, 4), (0, 0.0, 0), (30, 29.0, 24)]).svg
    value = scale(svg)
    tops = [value(b["y"]) for b in elements(svg, "rect", "bar a")]
    assert tops == pytest.approx([0.4, 0.8], abs=0.01)


def test_the_summary_of_reliability_is_the_calibration_error():
    summary = reliability("k", [(10, 1.0, 4), (30, 29.0, 24)]).summary
    assert f"{(3 + 5) / 40:.1%}" in summary


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.31, 0.84), (0, 7612), (-3, 4), (1e-9, 3e5), (2, 2), (0, 0)]
)
def test_ticks_reach_from_low_to_high_at_equal_distances(low, high):
    found = ticks(low, high, 5)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 9
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_what_lines_are_called_is_escaped():
    chart = line_chart("k", "<T>", [Line("<a>", "a", [(1, 2)])], False, "a & <b>")
    assert "<T>" not in chart.svg
    assert "&lt;T&gt;" in chart.svg
    assert "a &amp; &lt;b&gt;" in chart.svg


@pytest.mark.parametrize(("low", "high"), [(0.9069, 0.9906), (0.92, 0.93), (0.1, 0.9)])
def test_labels_of_an_axis_are_as_far_apart_as_they_say(low, high):
    points = ((1, low), (2, high))
    svg = str(line_chart("k", "T", [Line("a", "a", points)], True, "s").svg)
    shown = [float(t) for t in re.findall(r">([0-9.]+)%<", svg)]
    steps = np.diff(shown)
    assert len(shown) > 2
    assert np.allclose(steps, steps[0])
