"""Matching of label images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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


def test_labels_may_be_any_numbers() -> None:
    """Masks of other programs are numbered by packed colours or hashes: a table of all sizes would fill the memory."""
    truth = np.array([[0, 4_000_000_000, 4_000_000_000, 7]], dtype=np.uint32)
    match = datasets.match_labels(truth, found=np.array([[0, 2, 2, 0]]))
    assert match.pairs.to_dict("list") == {"truth": [4_000_000_000], "found": [2], "iou": [1.0]}
    assert (match.n_truth, match.n_found) == (2, 1)


def test_shapes_and_types_are_checked() -> None:
    with pytest.raises(ParameterError, match="different shape"):
        datasets.match_labels(np.zeros((2, 2), int), found=np.zeros((2, 3), int))
    with pytest.raises(ParameterError, match="found: expected a label image"):
        datasets.match_labels(np.zeros((2, 2), int), found=np.zeros((2, 2)))


LABELS = arrays(np.int32, (6, 7), elements=st.integers(0, 5))


@given(truth=LABELS, found=LABELS, iou=st.sampled_from([0.5, 0.6, 0.8]))
def test_matches_are_those_of_a_search_over_all_pairs(truth: np.ndarray, found: np.ndarray, iou: float) -> None:
    match = datasets.match_labels(truth, found=found, iou=iou)
    ratios = {
        (a, b): np.sum((truth == a) & (found == b)) / np.sum((truth == a) | (found == b))
        for a in set(truth.ravel()) - {0}
        for b in set(found.ravel()) - {0}
    }
    good = {pair for pair, ratio in ratios.items() if ratio >= iou}
    pairs = set(zip(match.pairs["truth"], match.pairs["found"], strict=True))
    assert pairs <= good
    assert {a for a, _ in pairs} <= {a for a, _ in good}
    # above one half nobody has two partners, so that every good pair is a match
    assert pairs == good or any(ratios[pair] == 0.5 for pair in good - pairs)
    assert len(set(match.pairs["truth"])) == len(set(match.pairs["found"])) == len(pairs)
    assert match.f1 == datasets.match_labels(found, found=truth, iou=iou).f1 or not match.n_truth + match.n_found
