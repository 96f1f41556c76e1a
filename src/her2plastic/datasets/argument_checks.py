"""Checks of the simulator's arguments: each raises a ParameterError that names the argument and what it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ParameterError

#: Rates per day from state (row) to state (column).
Rates = tuple[tuple[float, ...], ...]


def in_range(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Raise ParameterError unless ``value`` is a number in [low, high] (``above``: larger than low)."""
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    # NaN fails every comparison, infinity the last one
    if is_number and (value > low if above else value >= low) and value <= high and abs(value) < math.inf:  # type: ignore[operator, arg-type]
        return
    lower = f"above {low:g}" if above else f"at least {low:g}"
    raise ParameterError(
        f"{name}={value!r}: expected a number {lower}" + (f", at most {high:g}" if high < math.inf else "")
    )


def numbers_in_range(name: str, values: Iterable[object], length: int, low: float, high: float = math.inf) -> None:
    """Raise ParameterError unless ``values`` are ``length`` numbers in [low, high]."""
    items = tuple(values) if isinstance(values, (tuple, list, np.ndarray)) else ()
    if len(items) != length:
        raise ParameterError(f"{name}={values!r}: expected {length} numbers")
    for position, value in enumerate(items):
        in_range(f"{name}[{position}]", value, low, high)


def rising_pair(name: str, values: tuple[float, float], low: float, high: float) -> None:
    """Raise ParameterError unless ``values`` are two numbers in [low, high], the smaller one first."""
    numbers_in_range(name, values, 2, low, high)
    if values[0] > values[1]:
        raise ParameterError(f"{name}={values!r}: expected (smallest, largest)")


def whole(name: str, value: object, low: int) -> None:
    """Raise ParameterError unless ``value`` is a whole number of at least ``low``."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < low:
        raise ParameterError(f"{name}={value!r}: expected a whole number of at least {low}")


def rates_per_day(name: str, rates: Rates) -> None:
    """Raise ParameterError unless ``rates`` is a 3 x 3 table of numbers of at least 0."""
    if len(rates) != len(_keys.STATES):
        raise ParameterError(f"{name}: expected a 3 x 3 table of rates per day, got {rates!r}")
    for row, origin in zip(rates, _keys.STATES, strict=True):
        numbers_in_range(f"{name}[{origin!r}]", row, len(_keys.STATES), 0)


def rising_days(name: str, days: object) -> np.ndarray:
    """Return days of draws, or raise ParameterError unless they are at least one, at least 0 and rise."""
    given = tuple(days) if isinstance(days, (tuple, list, np.ndarray, range)) else ()
    if not given:
        raise ParameterError(f"{name}={days!r}: expected the days of at least one draw")
    for day in given:
        in_range(name, day, 0, 36525)
    if any(later <= earlier for earlier, later in zip(given, given[1:], strict=False)):
        raise ParameterError(f"{name}={days!r}: expected days that rise from draw to draw")
    return np.asarray(given, dtype=float)
