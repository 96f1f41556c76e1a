"""Matching of label images."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic import datasets
from her2plastic._errors import ParameterError


def test_matches_are_counted_as_by_hand() -> None:
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 5]])
    found = np.array([[7, 7, 7, 0, 0, 3, 0, 4, 0]])
    match = datasets.match_labels(truth, found=found)
    assert match.pairs.to_dict("list") == {"truth": [1, 2], "found": [7, 3], "iou": [0.75, 0.5]}
    assert (match.n_truth, match.n_found) == (3, 3)
    assert match.precision == match.recall == match.f1 == pytest.approx(2 / 3)
    assert datasets.match_labels(truth, found=found, iou=0.6).f1 == pytest.approx(1 / 3)


def test_halves_of_one_object_are_one_match() -> None:
    match = datasets.match_labels(np.array([[1, 1]]), found=np.array([[1, 2]]))
    assert (match.recall, match.precision) == (1.0, 0.5)


def test_nothing_found_is_no_number() -> None:
    match = datasets.match_labels(np.array([[1, 1]]), found=np.zeros((1, 2), dtype=int))
    assert np.isnan(match.precision)
    assert match.recall == match.f1 == 0


def test_shapes_and_types_are_checked() -> None:
    with pytest.raises(ParameterError, match="different shape"):
        datasets.match_labels(np.zeros((2, 2), int), found=np.zeros((2, 3), int))
    with pytest.raises(ParameterError, match="found: expected a label image"):
        datasets.match_labels(np.zeros((2, 2), int), found=np.zeros((2, 2)))
