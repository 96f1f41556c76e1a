"""ctc_identity on simulated cohorts, whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, pp

SEEDS = (11, 12)


@pytest.fixture(scope="module", params=["10x", "10x-degraded", "smart-seq2", "smart-seq2-reads"])
def cohort(request) -> tuple[str, pd.DataFrame]:
    """Identity and truth of the events of two cohorts."""
    parts = []
    for seed in SEEDS:
        adata = datasets.simulate_cohort(platform=request.param, seed=seed)
        pp.ctc_identity(adata)
        obs: Any = adata.obs
        parts.append(obs.reset_index(drop=True))
    events = pd.concat(parts, ignore_index=True)
    events["true_ctc"] = events["true_identity"].isin(_keys.CTC_IDENTITIES)
    return request.param, events


def test_good_epithelial_ctcs_are_found(cohort) -> None:
    _, events = cohort
    epithelial = events[events["true_ctc"] & (events["true_kind"] == "epithelial") & events["true_quality"]]

    assert len(epithelial) > 500
    assert epithelial["is_ctc"].mean() >= 0.985


def test_mesenchymal_ctcs_are_found_as_far_as_the_depth_allows(cohort) -> None:
    platform, events = cohort
    mesenchymal = events[events["true_ctc"] & (events["true_kind"] == "mesenchymal") & events["true_quality"]]
    least = {"10x": 0.6, "10x-degraded": 0.4, "smart-seq2": 0.9, "smart-seq2-reads": 0.85}[platform]

    assert len(mesenchymal) > 40
    assert mesenchymal["is_ctc"].mean() >= least


def test_missed_ctcs_are_undecided_and_not_leukocytes(cohort) -> None:
    _, events = cohort
    missed = events[events["true_ctc"] & ~events["is_ctc"]]

    assert (missed["identity"] == "other").mean() >= 0.9


def test_leukocytes_are_no_ctcs(cohort) -> None:
    _, events = cohort
    leukocytes = events[events["true_identity"] == "leukocyte"]

    assert leukocytes["is_ctc"].mean() <= 0.015
    assert events.loc[events["is_ctc"], "true_ctc"].mean() >= 0.97


def test_platelet_coats_drop_no_ctc(cohort) -> None:
    _, events = cohort
    good = events[events["true_ctc"] & events["true_quality"]]
    found = good.groupby(good["true_identity"].astype(str))["is_ctc"].mean()

    assert abs(found["platelet-coated CTC"] - found["CTC"]) < 0.03


def test_probability_means_what_it_says_under_the_right_prior(cohort) -> None:
    _, events = cohort
    # shares of at least 1 %: an identity that is not in the sample is not ruled out either
    found = {name: max((events["true_identity"] == name).mean(), 0.01) for name in _keys.IDENTITIES}
    prior = {name: share / sum(found.values()) for name, share in found.items()}
    probability = []
    for seed in SEEDS:
        adata = datasets.simulate_cohort(platform=cohort[0], seed=seed)
        pp.ctc_identity(adata, prior=prior)
        probability.append(adata.obs["ctc_probability"].to_numpy())

    assert _calibration_error(np.concatenate(probability), events["true_ctc"].to_numpy()) <= 0.03


def test_default_prior_errs_on_the_side_of_no_ctc(cohort) -> None:
    _, events = cohort

    assert events["ctc_probability"].mean() <= events["true_ctc"].mean() + 0.005
    assert _calibration_error(events["ctc_probability"].to_numpy(), events["true_ctc"].to_numpy()) <= 0.08


def _calibration_error(probability: np.ndarray, truth: np.ndarray) -> float:
    place = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[place == i].mean() - truth[place == i].mean()) * np.mean(place == i) for i in set(place)]
    return float(sum(gaps))


def test_the_sure_are_right(cohort) -> None:
    _, events = cohort

    assert events.loc[events["ctc_probability"] > 0.95, "true_ctc"].mean() >= 0.99
    assert events.loc[events["ctc_probability"] < 0.02, "true_ctc"].mean() <= 0.02
