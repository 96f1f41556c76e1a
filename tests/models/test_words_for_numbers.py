"""Words, dates, complex numbers and rows of unequal length where a model of transitions needs numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from her2plastic._errors import ParameterError
from her2plastic.models import Clones, MarkovChain, PanelMarkov, SortedAssay

SUBJECT, TIME, STATE = np.repeat(np.arange(4), 2), np.tile([0.0, 1.0], 4), np.array([0, 1, 0, 0, 1, 0, 1, 1])
START, DAY, COUNTS = np.array([0, 0, 1, 1]), np.array([1.0, 5, 1, 5]), np.full((4, 2), 60)
BOTH = [[0, 1], [1, 0]]
NO_NUMBERS = ("x", [["a", "b"], ["c", "d"]], [[1], [1, 2]], np.array(["2020-01-01"], dtype="datetime64[D]"), 1j)


def _panel(**given: Any) -> Any:
    return PanelMarkov(given.pop("allowed", BOTH), **given).fit(SUBJECT, TIME, STATE)


PLACES: dict[str, Callable[[Any], object]] = {
    "rates": lambda odd: MarkovChain(odd),
    "growth": lambda odd: MarkovChain(BOTH, odd),
    "time": lambda odd: MarkovChain(BOTH).transition_probabilities(odd),
    "start": lambda odd: MarkovChain(BOTH).composition(1.0, odd),
    "allowed": lambda odd: _panel(allowed=odd),
    "exact_states": lambda odd: _panel(exact_states=odd),
    "censored": lambda odd: _panel(censored={9.0: odd}),
    "misclassification": lambda odd: _panel(misclassification=odd),
    "start of a panel": lambda odd: _panel(start=odd),
    "likelihood": lambda odd: PanelMarkov(BOTH).fit(SUBJECT, TIME, None, likelihood=odd),
    "observed": lambda odd: SortedAssay().fit(START, DAY, odd),
    "day": lambda odd: SortedAssay().fit(START, odd, COUNTS),
    "cells": lambda odd: SortedAssay().fit(START, DAY, COUNTS, cells=odd),
    "purity": lambda odd: SortedAssay(purity=odd).fit(START, DAY, COUNTS),
    "parental": lambda odd: SortedAssay().fit(START, DAY, COUNTS, parental=odd),
    "parental_cells": lambda odd: SortedAssay().fit(START, DAY, COUNTS, parental=[1, 1], parental_cells=odd),
    "counts": lambda odd: Clones().fit(START, odd, DAY),
    "day of clones": lambda odd: Clones().fit(START, COUNTS, odd),
    "founder": lambda odd: Clones().fit(odd, COUNTS, DAY),
}


@pytest.mark.parametrize("odd", NO_NUMBERS, ids=["word", "words", "unequal rows", "dates", "complex"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_number_is_refused(place: str, odd: Any) -> None:
    with pytest.raises(ParameterError, match=place.split()[0]):
        PLACES[place](odd)


@pytest.mark.parametrize("settings", [{"n_bootstrap": 0}, {"n_bootstrap": "x"}, {"n_null": -1}, {"whole": "no"}])
def test_odd_settings_of_clones_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="expected"):
        Clones(**settings).fit(np.repeat([0, 1], 5), np.full((10, 2), 5), np.full(10, 7.0))


@pytest.mark.parametrize("settings", [{"n_null": -1}, {"n_null": "x"}])
def test_odd_settings_of_sorted_assays_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="expected a whole number"):
        SortedAssay(**settings).fit(START, DAY, COUNTS)


@pytest.mark.parametrize("number", [-1, 0.5, float("nan"), float("inf")])
def test_an_odd_number_of_parental_cells_is_refused(number: float) -> None:
    with pytest.raises(ParameterError, match="parental_cells"):
        SortedAssay().fit(START, DAY, COUNTS, parental=[1, 1], parental_cells=number)


@pytest.mark.parametrize("states", [[0.5], [np.nan], [2], [-1]])
def test_states_that_are_none_are_refused(states: list[float]) -> None:
    for given in ({"exact_states": states}, {"censored": {9.0: states}}):
        with pytest.raises(ParameterError, match="expected states counted from 0"):
            PanelMarkov(BOTH, **given)
