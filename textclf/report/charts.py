"""Charts as inline SVG: no scripts, no outer files, colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 12, 40


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: What the legend calls it.
        style: Its class in the style sheet, such as `a` or `b dashed`.
        points: (x, y), by x.
    """

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """A drawing with what a page says of it.

    Attributes:
        title: What it shows.
        svg: The drawing.
        legend: (style, name) of what is in it.
        summary: What is to be seen in it, for those who do not see it.
    """

    title: str
    svg: Markup
    legend: list[tuple[str, str]]
    summary: str


def line_chart(key: str, title: str, lines: Sequence[Line], percent: bool, summary: str) -> Chart:
    """Draw lines over epochs.

    Args:
        key: Unique on the page.
        title: What it shows.
        lines: At least one, with at least one point.
        percent: Whether values are shares.
        summary: What is to be seen in it.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    y_ticks = ticks(min(ys), max(ys), 5)
    x_ticks = [x for x in ticks(min(xs), max(xs), 7) if x == int(x) and min(xs) <= x <= max(xs)]
    scale = _Scale((min(xs), max(xs)), (y_ticks[0], y_ticks[-1]))
    step = y_ticks[1] - y_ticks[0]
    body = [_grid(scale, y_ticks, _percent(step) if percent else _plain(step))]
    body += [_x_label(scale.x(x), f"{x:g}") for x in x_ticks]
    body.append(_axis_title("epoch"))
    for line in lines:
        places = [(scale.x(x), scale.y(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(Markup('<polyline class="line {}" points="{}"/>').format(line.style, path))
        body += [
            Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(
                line.style, x, y
            )
            for x, y in places[: 1 if len(places) > 40 else None]
        ]
    legend = [(line.style, line.name) for line in lines]
    return Chart(title, _svg(key, title, summary, body), legend, summary)


def histogram(key: str, bins: Sequence[tuple[float, float, float]]) -> Chart:
    """Draw how many rows were predicted with what confidence, right and wrong ones.

    Args:
        key: Unique on the page.
        bins: (rows, sum of confidence, rows right) of equal bins of confidence.
    """
    rows = sum(n for n, _, _ in bins)
    sure = sum(n for n, _, _ in bins[-(len(bins) // 3) :])
    summary = (
        f"{sure / max(1, rows):.0%} of the rows are predicted with a confidence of two thirds "
        f"or more."
    )
    y_ticks = ticks(0.0, max(1.0, *(n for n, _, _ in bins)), 5)
    scale = _Scale((0.0, 1.0), (0.0, y_ticks[-1]))
    body = [_grid(scale, y_ticks, lambda y: f"{y:,.0f}"), *_confidence_axis(scale)]
    for i, (n, _, right) in enumerate(bins):
        body.append(_bar(scale, i / len(bins), 1 / len(bins), 0.0, right, "a"))
        body.append(_bar(scale, i / len(bins), 1 / len(bins), right, n, "b"))
    title = "Rows by confidence"
    legend = [("bar a", "predicted right"), ("bar b", "predicted wrong")]
    return Chart(title, _svg(key, title, summary, body), legend, summary)


def reliability(key: str, bins: Sequence[tuple[float, float, float]]) -> Chart:
    """Draw the share of rows predicted right over the confidence they were predicted with.

    Args:
        key: Unique on the page.
        bins: As in `histogram`.
    """
    rows = sum(n for n, _, _ in bins)
    error = sum(abs(confidence - right) for _, confidence, right in bins) / max(1, rows)
    summary = (
        f"Confidence and share right differ by {error:.1%} on average. A bar below the line: "
        f"surer than right."
    )
    y_ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    scale = _Scale((0.0, 1.0), (0.0, 1.0))
    body = [_grid(scale, y_ticks, _percent(0.2)), *_confidence_axis(scale)]
    for i, (n, _, right) in enumerate(bins):
        if n:
            body.append(_bar(scale, i / len(bins), 1 / len(bins), 0.0, right / n, "a"))
    ends = [(scale.x(0), scale.y(0)), (scale.x(1), scale.y(1))]
    body.append(
        Markup('<line class="line ideal" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
            *ends[0], *ends[1]
        )
    )
    for n, confidence, right in bins:
        if n:
            body.append(
                Markup('<circle class="dot b" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(
                    scale.x(confidence / n), scale.y(right / n)
                )
            )
    title = "Share right by confidence"
    legend = [
        ("bar a", "share predicted right"),
        ("dot b", "at the mean confidence"),
        ("ideal", "as sure as right"),
    ]
    return Chart(title, _svg(key, title, summary, body), legend, summary)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round values, at equal distances, that reach from low to high.

    Heckbert 1990, Nice numbers for graph labels.
    """
    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5 * max(abs(low), 0.1), high + 0.5 * max(abs(high), 0.1)
    rough = (high - low) / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


@dataclass(frozen=True)
class _Scale:
    """Maps values to places in the drawing."""

    xs: tuple[float, float]
    ys: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.xs
        share = 0.5 if high == low else (value - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.ys
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _percent(step: float) -> Callable[[float], str]:
    share = 100 * step
    decimals = next(d for d in range(16) if math.isclose(round(share, d), share))
    return lambda y: f"{y:.{decimals}%}"


def _plain(step: float) -> Callable[[float], str]:
    decimals = max(0, 1 - math.floor(math.log10(step) + 1e-9))
    return lambda y: f"{y:.{decimals}f}"


def _grid(scale: _Scale, values: Sequence[float], shown: Callable[[float], str]) -> Markup:
    row = Markup(
        '<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'
        '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    left, right = float(_LEFT), float(_WIDTH - _RIGHT)
    return Markup("").join(
        row.format(left, y, right, y, left - 6, y + 4, shown(value))
        for value in values
        for y in [scale.y(value)]
    )


def _x_label(x: float, shown: str) -> Markup:
    place = _HEIGHT - _BOTTOM + 16
    return Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        x, place, shown
    )


def _axis_title(title: str) -> Markup:
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        middle, _HEIGHT - 6, title
    )


def _confidence_axis(scale: _Scale) -> list[Markup]:
    labels = [_x_label(scale.x(i / 5), f"{i * 20}%") for i in range(6)]
    return [*labels, _axis_title("confidence")]


def _bar(scale: _Scale, start: float, width: float, low: float, high: float, style: str) -> Markup:
    if high <= low:
        return Markup("")
    top, foot = scale.y(high), scale.y(low)
    return Markup(
        '<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
    ).format(
        style, scale.x(start) + 1, top, scale.x(start + width) - scale.x(start) - 2, foot - top
    )


def _svg(key: str, title: str, summary: str, body: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>'
    ).format(_WIDTH, _HEIGHT, key, key, key, title, key, summary, Markup("").join(body))
