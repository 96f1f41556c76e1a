"""One axis of the scatter plot: from values to pixels and back, with round ticks; zoomed and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from her2plastic._errors import one_of

#: How values lie along an axis. ``log`` has no place for values of 0 or less; ``asinh`` has: it is linear about 0.
Scale = Literal["linear", "log", "asinh"]
SCALES: Final = ("linear", "log", "asinh")
#: Share of the span that is left free at both ends.
_ROOM: Final = 0.04
#: Side of the strip that the cells of one category are spread over, in categories.
_STRIP: Final = 0.62
#: Smallest span that is zoomed into, as a share of the values.
_CLOSEST: Final = 1e-6
#: Positive numbers below this are as good as 0.
_LEAST: Final = 1e-300
#: 0.618...: its multiples fill a strip evenly, the same at every drawing.
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: its value (as it lies along the axis) and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class PlotAxis:
    """What is seen of an axis.

    Attributes
    ----------
    low, high
        Its ends, as values lie along it (the logarithm for ``log``).
    scale
        How values lie along it.
    unit
        For ``asinh``: the value up to which it is about linear.
    words
        Names of the categories 0, 1, ...; none for numbers.
    """

    low: float
    high: float
    scale: Scale = "linear"
    unit: float = 1.0
    words: tuple[str, ...] = ()

    def along(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie along the axis; NaN for those that have no place on it."""
        values = np.asarray(values, dtype=float)
        finite = np.where(np.isfinite(values), values, np.nan)
        if self.scale == "log":
            return np.log10(np.where(finite > _LEAST, finite, np.nan))
        return np.arcsinh(finite / self.unit) if self.scale == "asinh" else finite

    def pixels(self, along: np.ndarray, start: float, end: float) -> np.ndarray:
        """Return the pixels of places along the axis, whose ends are drawn at ``start`` and ``end``."""
        return start + (np.asarray(along) - self.low) / (self.high - self.low) * (end - start)

    def at_pixel(self, pixel: float, start: float, end: float) -> float:
        """Return the place along the axis of a pixel."""
        return self.low + (pixel - start) / (end - start) * (self.high - self.low)

    def zoomed(self, factor: float, *, about: float) -> PlotAxis:
        """Return the axis with its span ``factor`` times as long, ``about`` staying where it is."""
        span = (self.high - self.low) * factor
        if not _CLOSEST * max(abs(self.low), abs(self.high), 1e-9) < span < 1e12:
            return self
        return replace(self, low=about - (about - self.low) * factor, high=about + (self.high - about) * factor)

    def moved(self, by: float) -> PlotAxis:
        """Return the axis moved on by a distance along it."""
        return replace(self, low=self.low + by, high=self.high + by)

    def ticks(self, most: int) -> list[Tick]:
        """Return at most so many round ticks between the ends."""
        if self.words:
            step = max(1, -(-len(self.words) // max(most, 1)))
            places = range(0, len(self.words), step)
            return [Tick(float(at), self.words[at]) for at in places if self.low <= at <= self.high]
        if self.scale == "log":
            return _log_ticks(self.low, self.high, most)
        if self.scale == "asinh":
            return _asinh_ticks(self.low, self.high, self.unit, most)
        return _linear_ticks(self.low, self.high, most)


def axis_over(values: np.ndarray, *, scale: Scale = "linear") -> PlotAxis:
    """Return an axis over all numbers that have a place on it."""
    one_of("scale", scale, SCALES)
    axis = PlotAxis(0.0, 1.0, scale, unit=_asinh_unit(values) if scale == "asinh" else 1.0)
    places = axis.along(values)
    places = places[np.isfinite(places)]
    if not places.size:
        return axis
    low, high = float(places.min()), float(places.max())
    alone = 0.5 * abs(low) if scale == "linear" and low else 0.5
    room = _ROOM * (high - low) if high > low else alone
    return replace(axis, low=low - room, high=high + room)


def axis_of_words(words: Sequence[str]) -> PlotAxis:
    """Return an axis of categories."""
    return PlotAxis(-0.6, max(len(words), 1) - 0.4, words=tuple(words))


def spread(codes: np.ndarray) -> np.ndarray:
    """Return where the cells of categories lie: spread over a strip, alike each time; NaN for code -1."""
    places = np.asarray(codes, dtype=float)
    aside = (np.arange(places.size) * _GOLDEN) % 1.0 - 0.5
    return np.where(places >= 0, places + _STRIP * aside, np.nan)


def _asinh_unit(values: np.ndarray) -> float:
    """Return the size of what is noise among the values: of those below 0, or of the smallest."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 1.0
    below = -float(np.percentile(finite, 1.0))
    unit = max(below, float(np.percentile(np.abs(finite), 5.0)), 1e-3 * float(np.abs(finite).max()))
    return float(10.0 ** np.round(np.log10(unit))) if unit > 0 else 1.0


def _linear_ticks(low: float, high: float, most: int) -> list[Tick]:
    span = high - low
    step = 10.0 ** np.floor(np.log10(span / max(most, 1)))
    step *= next(nice for nice in (1, 2, 5, 10, 20) if span / (nice * step) <= max(most, 1))
    places = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return [Tick(float(at), number_text(float(at), step=step)) for at in places]


def _log_ticks(low: float, high: float, most: int) -> list[Tick]:
    decades = np.arange(np.ceil(low), np.floor(high) + 1)
    if len(decades) >= 3:
        every = max(1, -(-len(decades) // max(most, 1)))
        return [Tick(float(at), number_text(10.0**at)) for at in decades[::every]]
    for parts in ((1, 2, 5), tuple(range(1, 10))):
        places = [np.log10(part) + at for at in np.arange(np.floor(low), np.ceil(high) + 1) for part in parts]
        kept = [at for at in places if low <= at <= high]
        if 2 <= len(kept) <= most:
            return [Tick(float(at), number_text(10.0**at)) for at in kept]
    # less than a decade, or too many: round values of the numbers themselves
    return [Tick(float(np.log10(t.at)), t.text) for t in _linear_ticks(10.0**low, 10.0**high, most) if t.at > 0]


def _asinh_ticks(low: float, high: float, unit: float, most: int) -> list[Tick]:
    ends = unit * np.sinh(np.array([low, high]))
    top = np.floor(np.log10(max(np.abs(ends).max(), unit)))
    first = np.floor(np.log10(unit))
    for parts in ((1.0,), (1.0, 2.0, 5.0)):
        sizes = np.sort(np.outer(parts, 10.0 ** np.arange(first, top + 1)).ravel())
        values = np.concatenate([-sizes[::-1], [0.0], sizes])
        kept = values[(values >= ends[0]) & (values <= ends[1])]
        if kept.size >= 4:
            break
    else:
        linear = _linear_ticks(float(ends[0]), float(ends[1]), most)
        return [Tick(float(np.arcsinh(tick.at / unit)), tick.text) for tick in linear]
    # ticks that would stand on each other near 0 are left out
    least = (high - low) / max(most, 1) * 0.6
    ticks: list[Tick] = []
    for value in sorted(kept, key=lambda v: (v != 0, -abs(v))):
        at = float(np.arcsinh(value / unit))
        if all(abs(at - tick.at) >= least for tick in ticks):
            ticks.append(Tick(at, number_text(float(value))))
    return sorted(ticks, key=lambda tick: tick.at)


def number_text(value: float, *, step: float | None = None) -> str:
    """Return a number as short as it can be told from its neighbours, ``step`` away."""
    if value == 0 or (step is not None and abs(value) < step / 2):
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
    if step is None:
        text = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    else:
        text = f"{value:,.{max(0, int(-np.floor(np.log10(step) + 1e-9)))}f}"
    return text.replace("-", "\N{MINUS SIGN}")
