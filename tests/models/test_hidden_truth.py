"""Readers of a hidden truth: what their readings say of their error, and where they say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from her2plastic._errors import ParameterError
from her2plastic.models.misclassification.hidden_truth import HiddenTruth, ReadSubjects
from her2plastic.models.misclassification.reader_error import reader_matrix

ACCURACY = (0.7, 0.8, 0.9)


def readings(
    seed: int, *, n: int = 250, shares: tuple[float, ...] = (0.4, 0.35, 0.25), times: int = 1, again: float = 0.0
) -> tuple[ReadSubjects, np.ndarray]:
    """Return readings of subjects by three readers; ``again`` is the share of repeats that copy the first reading."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=n, p=shares)
    rows = []
    for reader, accuracy in enumerate(ACCURACY):
        matrix = reader_matrix(accuracy, n_states=3, error_of_highest=1.0).cumsum(axis=1)
        first = (rng.random((n, 1)) > matrix[truth]).sum(axis=1)
        rows.append((np.arange(n), np.full(n, reader), first))
        for _ in range(times - 1):
            later = (rng.random((n, 1)) > matrix[truth]).sum(axis=1)
            rows.append((np.arange(n), np.full(n, reader), np.where(rng.random(n) < again, first, later)))
    subject, reader_of, answer = (np.concatenate(column) for column in zip(*rows, strict=True))
    return ReadSubjects(subject, reader_of, answer, n, len(ACCURACY)), truth


def quick(**given: Any) -> HiddenTruth:
    return HiddenTruth(3, 4, n_draws=400, n_discarded=150, **given)


def test_errors_and_truths_are_found_without_a_truth() -> None:
    read, truth = readings(1, n=1500, times=2)
    found = HiddenTruth(3, 3).fit(read)
    assert found.status_ == "ok"
    for reader, accuracy in enumerate(ACCURACY):
        expected = reader_matrix(accuracy, n_states=3, error_of_highest=1.0)
        np.testing.assert_allclose(found.error_[:, reader].mean(axis=0), expected, atol=0.06)
    np.testing.assert_allclose(found.share_.mean(axis=0), np.bincount(truth) / truth.size, atol=0.05)
    best = found.posterior_.argmax(axis=1)
    assert (best == truth).mean() > 0.9  # better than the best reader alone
    np.testing.assert_allclose(found.posterior_.sum(axis=1), 1)


@pytest.mark.statistical
def test_intervals_hold_the_accuracy() -> None:
    sets, held = 60, np.zeros(3)
    for seed in range(sets):
        found = quick().fit(readings(seed)[0])
        bounds = [found.interval(found.accuracy(reader, slice(0, 3)))[1:] for reader in range(3)]
        held += [low <= a <= high for (low, high), a in zip(bounds, ACCURACY, strict=True)]
    # fewer than these would come about in 1 of 1,000 studies of 95 % intervals
    assert (held >= binom.ppf(0.001, sets, 0.95)).all()


def test_a_truth_that_no_subject_has_takes_none_away() -> None:
    read, _ = readings(2, shares=(0.6, 0.4, 0.0))
    found = quick().fit(read)
    assert found.share_.mean(axis=0)[2] < 0.1
    low, high = found.interval(found.accuracy(1, slice(0, 3)))[1:]
    assert low <= 0.8 <= high


def test_repeats_that_copy_are_seen_and_honest_ones_are_not() -> None:
    honest = quick().fit(readings(3, times=2)[0])
    copied = quick().fit(readings(3, times=2, again=1.0)[0])
    assert (honest.alike_p_ > 0.01).all()
    assert copied.alike_p_[0] < 0.01
    assert np.isnan(quick().fit(readings(3)[0]).alike_p_).all()


def test_two_readings_say_nothing() -> None:
    read, _ = readings(4)
    two = read.reader < 2
    found = quick().fit(ReadSubjects(read.subject[two], read.reader[two], read.answer[two], read.n_subjects, 2))
    assert found.status_ == "insufficient: 0 subjects with 3 sure readings, 30 needed"
    assert np.isnan(found.posterior_).all()
    assert found.error_.size == 0


def test_unread_subjects_have_no_posterior_and_nobody_reads_nothing() -> None:
    read, _ = readings(5)
    more = ReadSubjects(read.subject, read.reader, read.answer, read.n_subjects + 3, read.n_readers)
    found = quick().fit(more)
    assert np.isnan(found.posterior_[-3:]).all()
    assert np.isfinite(found.posterior_[:-3]).all()
    nobody = np.empty(0, dtype=int)
    assert quick().fit(ReadSubjects(nobody, nobody, nobody, 4, 0)).status_.startswith("insufficient: 0 subjects")


def test_same_seed_same_draws() -> None:
    read, _ = readings(6)
    one, same, other = (quick(seed=seed).fit(read) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.error_, same.error_)
    assert not np.array_equal(one.error_, other.error_)


@pytest.mark.parametrize(("name", "value"), [("subject", 250), ("reader", 3), ("answer", 4), ("answer", -1)])
def test_places_out_of_range_are_refused(name: str, value: int) -> None:
    read, _ = readings(7)
    columns = {key: getattr(read, key).copy() for key in ("subject", "reader", "answer")}
    columns[name][0] = value
    with pytest.raises(ParameterError, match=name):
        quick().fit(ReadSubjects(**columns, n_subjects=250, n_readers=3))


def test_one_answer_to_everything_says_nothing_of_its_accuracy() -> None:
    """Who presses one key for every cell agrees with everybody who does so, right or wrong."""
    subject = np.repeat(np.arange(50), 3)
    same = ReadSubjects(subject, np.tile([0, 1, 2], 50), np.ones(150, dtype=int), 50, 3)
    model = quick().fit(same)
    assert model.status_ == "insufficient: 1 answer in all sure readings, 2 needed"
    assert np.isnan(model.posterior_).all()
