"""Lays out a playbook as a line diagram: steps are stations, what they need are the lines between them.

Columns are the layers of the longest path; within a column the steps that can run side by side get lanes of their
own. A line that passes a column without stopping gets an empty lane there, so that no line runs through a station.
The same graph is laid out across (for the desk) and down (for the phone).
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

DESK_WIDTH = 1128
LANE = 118
MARK = 28
LABEL_LINES = 4
LINE_HEIGHT = 15
CHARACTER = 6.6
ROW = 68
TRACK = 30
PHONE_LEFT = 24


@dataclass(frozen=True)
class Stop:
    """A step as the diagram shows it."""

    key: str
    title: str
    state: str
    waiting: str | None
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Station:
    """A placed step: the centre of its mark, and its label's lines. ``above``: the label stands over the mark."""

    stop: Stop
    x: float
    y: float
    lines: tuple[str, ...]
    above: bool = False


@dataclass(frozen=True)
class Line:
    """An SVG path between two stations; ``passed`` when what it comes from is done."""

    path: str
    passed: bool


@dataclass(frozen=True)
class Diagram:
    width: float
    height: float
    stations: tuple[Station, ...]
    lines: tuple[Line, ...]


def across(stops: Sequence[Stop]) -> Diagram:
    """From left to right, made for a desk."""
    columns, routes = _lanes(stops)
    spacing = max(86.0, min(150.0, DESK_WIDTH / len(columns)))
    labels = {stop.key: _wrapped(stop.title, int((spacing - 10) / CHARACTER)) for stop in stops}
    label = LINE_HEIGHT * max(len(lines) for lines in labels.values()) + 42
    widest = max(len(column) for column in columns)
    middle = (label if widest > 1 else MARK) + (widest - 1) * LANE / 2
    known, stations = _by_key(stops), []
    places: dict[tuple[int, str], tuple[float, float]] = {}
    for number, column in enumerate(columns):
        for lane, key in enumerate(column):
            x, y = spacing * (number + 0.5), middle + (lane - (len(column) - 1) / 2) * LANE
            places[number, key] = (x, y)
            if key in known:
                stations.append(Station(known[key], x, y, labels[key], above=len(column) > 1 and lane == 0))
    lines = tuple(
        Line(_along([places[at] for at in route]), _is_done(stops, route[0][1])) for route in routes
    )
    height = middle + (widest - 1) * LANE / 2 + label
    return Diagram(spacing * len(columns), height, tuple(stations), lines)


def down(stops: Sequence[Stop]) -> Diagram:
    """From top to bottom with the labels beside the tracks, made for a phone."""
    columns, routes = _lanes(stops)
    known = _by_key(stops)
    rows = [key for column in columns for key in column if key in known]
    y_of = {key: ROW * (number + 0.5) for number, key in enumerate(rows)}
    lane_of = {key: lane for column in columns for lane, key in enumerate(column) if key in known}
    stations = tuple(
        Station(known[key], PHONE_LEFT + TRACK * lane_of[key], y_of[key], (known[key].title,)) for key in rows
    )
    placed = {station.stop.key: station for station in stations}
    lanes = {key: lane for column in columns for lane, key in enumerate(column)}
    lines = []
    for route in routes:
        source, target = placed[route[0][1]], placed[route[-1][1]]
        corridor = max(
            (PHONE_LEFT + TRACK * lanes[name] for _, name in route[1:-1]), default=max(source.x, target.x)
        )
        lines.append(Line(_bent(source, target, corridor), _is_done(stops, route[0][1])))
    width = PHONE_LEFT * 2 + TRACK * max(lanes.values())
    return Diagram(width, ROW * len(rows), stations, tuple(lines))


def _by_key(stops: Iterable[Stop]) -> dict[str, Stop]:
    return {stop.key: stop for stop in stops}


def _is_done(stops: Sequence[Stop], key: str) -> bool:
    return _by_key(stops)[key].state in ("done", "skipped")


def _lanes(stops: Sequence[Stop]) -> tuple[list[list[str]], list[list[tuple[int, str]]]]:
    """The columns with their keys in lanes, and for each line the places that it goes through."""
    layer = _layers(stops)
    columns: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for stop in stops:
        columns[layer[stop.key]].append(stop.key)
    routes = []
    for source, target in _direct_needs(stops):
        between = range(layer[source] + 1, layer[target])
        passing = [(number, f"{source}>{target}") for number in between]
        for number, name in passing:
            columns[number].append(name)
        routes.append([(layer[source], source), *passing, (layer[target], target)])
    _untangle(columns, routes)
    return columns, routes


def _layers(stops: Sequence[Stop]) -> dict[str, int]:
    """How many steps come before at least: the longest path."""
    layer: dict[str, int] = {}
    left = list(stops)
    while left:
        ready = next(stop for stop in left if all(need in layer for need in stop.needs))
        left.remove(ready)
        layer[ready.key] = 1 + max((layer[need] for need in ready.needs), default=-1)
    return layer


def _direct_needs(stops: Sequence[Stop]) -> list[tuple[str, str]]:
    """The needs that do not follow from others: drawing those would only add lines."""
    known = _by_key(stops)

    def before(key: str) -> set[str]:
        return {found for need in known[key].needs for found in (need, *before(need))}

    return [
        (need, stop.key)
        for stop in stops
        for need in stop.needs
        if not any(need in before(other) for other in stop.needs if other != need)
    ]


def _untangle(columns: list[list[str]], routes: list[list[tuple[int, str]]]) -> None:
    """Puts each column in the order of what it comes from, so that few lines cross."""
    came_from: dict[str, list[str]] = {}
    for route in routes:
        for (_, source), (_, target) in pairwise(route):
            came_from.setdefault(target, []).append(source)
    for before, column in pairwise(columns):
        place = {key: number for number, key in enumerate(before)}
        order: Mapping[str, float] = {
            key: sum(place.get(source, 0) for source in came_from.get(key, []))
            / max(len(came_from.get(key, [])), 1)
            for key in column
        }
        column.sort(key=lambda key, order=order: order[key])  # type: ignore[misc]


def _along(points: Sequence[tuple[float, float]]) -> str:
    """A smooth way through the points, from left to right."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (x1 + x2) / 2
        path += (
            f" L{x2:.1f} {y2:.1f}"
            if y1 == y2
            else f" C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        )
    return path


def _bent(source: Station, target: Station, corridor: float) -> str:
    """Leaves its track just below the mark, runs down the corridor, and comes to the other mark from just above."""
    y1, y2, bend = source.y, target.y, ROW * 0.8
    path = f"M{source.x} {y1}"
    if source.x != corridor:
        path += f" C{source.x} {y1 + ROW / 2} {corridor} {y1 + ROW / 3} {corridor} {y1 + bend:.1f}"
    if target.x == corridor:
        return f"{path} L{corridor} {y2}"
    return f"{path} L{corridor} {y2 - bend:.1f} C{corridor} {y2 - ROW / 3} {target.x} {y2 - ROW / 2} {target.x} {y2}"


def _wrapped(title: str, width: int) -> tuple[str, ...]:
    """At most four lines; what is left over is in the station's full title."""
    return tuple(
        textwrap.wrap(title, max(width, 8), max_lines=LABEL_LINES, placeholder="…", break_long_words=False)
    )
