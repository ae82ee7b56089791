"""The curve of a run as an SVG that takes no time to draw: two quantities at most, over epochs."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence

from resbench.report.run_blocks import RunCurve

_WIDTH, _HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 116, 14, 38  # room around the lines, for numbers and names
_MOST = 400  # points of a line; more cannot be seen
_APART = 15  # pixels between two names

Points = Sequence[tuple[float, float]]


def curve_svg(curve: RunCurve) -> str:
    """The SVG; its colours are those of the page."""
    lines = {
        name: [point for point in points if all(map(math.isfinite, point))] for name, points in curve.lines.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    scale = _Scale([point for points in lines.values() for point in points])
    parts = [_axes(scale, curve.x)]
    places = _spread([scale.y(points[-1][1]) for points in lines.values()])
    for number, ((name, points), place) in enumerate(zip(lines.items(), places, strict=True)):
        path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in _thinned(points))
        end = scale.x(points[-1][0])
        parts.append(f'<polyline class="line{number}" points="{path}"/>')
        parts.append(f'<text class="line{number}" x="{end + 6:.1f}" y="{place + 4:.1f}">{html.escape(name)}</text>')
    label = html.escape(f"{curve.title}: {'; '.join(_words(name, points) for name, points in lines.items())}")
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<svg {box} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _words(name: str, points: Points) -> str:
    return f"{name} from {points[0][1]:.3g} to {points[-1][1]:.3g}"


class _Scale:
    """From numbers to pixels."""

    def __init__(self, points: Points) -> None:
        xs, ys = zip(*points, strict=True)
        self.left, self.right = min(xs), max(xs)
        self.low, self.high = min(ys), max(ys)

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * _part(value, self.left, self.right)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * _part(value, self.low, self.high)


def _part(value: float, low: float, high: float) -> float:
    """How far a value lies between two others; halved, so that no difference overflows."""
    span = high / 2 - low / 2
    return (value / 2 - low / 2) / span if span else 0.5


def _axes(scale: _Scale, name: str) -> str:
    """A line below and above, with the numbers at their ends."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        f'<path class="axis" d="M{_LEFT} {y:.1f}H{right}"/>'
        for y in dict.fromkeys((scale.y(scale.low), scale.y(scale.high)))
    ]
    values = dict.fromkeys((scale.low, scale.high))
    parts += [f'<text x="{_LEFT - 6}" y="{scale.y(y) + 4:.1f}" text-anchor="end">{y:.3g}</text>' for y in values]
    for x in dict.fromkeys((scale.left, scale.right)):
        parts.append(f'<text x="{scale.x(x):.1f}" y="{bottom + 16}" text-anchor="middle">{x:.3g}</text>')
    parts.append(
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{bottom + 32}" text-anchor="middle">{html.escape(name)}</text>'
    )
    return "".join(parts)


def _spread(places: Sequence[float]) -> list[float]:
    """The heights of names, moved apart where they would lie on each other."""
    out = list(places)
    order = sorted(range(len(out)), key=lambda at: out[at])
    for above, below in itertools.pairwise(order):
        out[below] = max(out[below], out[above] + _APART)
    return out


def _thinned(points: Points) -> list[tuple[float, float]]:
    """Some of the points, the last among them."""
    step = max(1, -(-len(points) // _MOST))
    return [*points[:-1:step], points[-1]]
