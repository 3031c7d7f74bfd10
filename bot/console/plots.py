"""Plots of measures over time, as the columns of an SVG: geometry and words only. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 1000.0, 150.0
"""Units of the picture, which is stretched to its place."""
SMALLEST = 1e-9
"""The lowest top of a scale."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour or day of a plot: its key in the read models, and how a person calls it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle that stands on the base line; `kind` is its class."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One slot of a plot. `bars` are in the order of drawing, the tallest first; `says` tells its values."""

    x: float
    width: float
    bars: tuple[Bar, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One measure over time. `top` and `middle` label the scale's upper lines; the lowest is 0."""

    name: str
    top: str
    middle: str
    kinds: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]


Layers = Sequence[tuple[str, str, Sequence[float]]]
"""(class, label, a value per slot) of what is drawn over one another from the base line."""


def slots(now: datetime, days: int) -> list[Slot]:
    """The hours of the last day, or the days up to today, the oldest first."""
    if days == 1:
        hours = [now - timedelta(hours=23 - n) for n in range(24)]
        return [Slot(f"{hour:%Y-%m-%d %H}", f"{hour:%d %b %H}:00") for hour in hours]
    dates = [now - timedelta(days=days - 1 - n) for n in range(days)]
    return [Slot(f"{day:%Y-%m-%d}", f"{day:%d %b}") for day in dates]


def scale(most: float) -> float:
    """The least of 1, 2, 4, 5, 10, ... that is not below a value: the top of a scale whose middle reads well; 1 for nothing."""
    if not (math.isfinite(most) and most > 0):
        return 1.0
    most = max(most, SMALLEST)
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 10, 20) if step * power >= most)


def plot(name: str, among: Sequence[Slot], layers: Layers, words: Callable[[float], str], least: float = 0.0) -> Plot:
    """Draw layers over the slots. `least` is the lowest top of the scale: calls have no halves."""
    top = max(scale(max((value for _, _, values in layers for value in values), default=0.0)), least)
    step = WIDTH / max(len(among), 1)
    columns = []
    for number, slot in enumerate(among):
        said = ", ".join(f"{words(values[number])} {label}" for _, label, values in layers if values[number])
        drawn = [(kind, values[number]) for kind, _, values in layers if values[number] > 0]
        bars = tuple(_bar(kind, value / top) for kind, value in sorted(drawn, key=lambda one: -one[1]))
        columns.append(Column(round(number * step + step * 0.12, 2), round(step * 0.76, 2), bars, f"{slot.name}: {said or 'nothing'}"))
    return Plot(name, words(top), words(top / 2), tuple((kind, label) for kind, label, _ in layers), tuple(columns))


def _bar(kind: str, share: float) -> Bar:
    height = round(max(HEIGHT * share, 1.0), 2)
    return Bar(kind, round(HEIGHT - height, 2), height)
