"""From pixels to calls on simulated slides: identity, intensity and state against what is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, datasets, im, tl
from her2plastic.datasets import SimulatedSlide
from her2plastic.models import IntensityScale

#: The generator's own scale: medians over the leukocytes' background, spread 0.35 in the natural log.
KNOWN = IntensityScale(
    "generator", "simulated", tuple(np.log2([1.1, 3.0, 8.0, 20.0])), (0.35 / np.log(2),) * 4, slide_sd=0.05
)


def truth_of(simulated: SimulatedSlide, segmentation: Any) -> pd.DataFrame:
    """Return the truth of each object found; missing where none overlaps by half."""
    pairs = datasets.match_labels(simulated.cells, found=segmentation.cells[0], iou=0.5).pairs.set_index("found")
    number = pairs["truth"].reindex(segmentation.objects["label"])
    return simulated.truth.set_index("number").reindex(number.to_numpy()).reset_index()


@pytest.fixture(scope="module", params=[0.64, 0.32], ids=["0.64 um", "0.32 um"])
def called(request: pytest.FixtureRequest) -> tuple[SimulatedSlide, AnnData, pd.DataFrame]:
    side = 800 if request.param == 0.64 else 1280
    simulated = datasets.simulate_slide(
        shape=(side, side), pixel_size_um=request.param, n_leukocytes=220, n_ctcs=14, seed=7
    )
    segmentation = im.segment(simulated.slide)
    adata = im.measure(segmentation)
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration=KNOWN)
    return simulated, adata, truth_of(simulated, segmentation)


def test_ctcs_are_found_and_nothing_else(called: tuple[SimulatedSlide, AnnData, pd.DataFrame]) -> None:
    simulated, adata, truth = called
    is_ctc = adata.obs["is_ctc"].to_numpy()
    right = is_ctc & (truth["kind"] == "CTC").to_numpy()
    assert right.sum() >= 0.95 * (simulated.truth["kind"] == "CTC").sum()
    assert right.sum() >= 0.90 * is_ctc.sum()


def test_other_objects_have_their_names(called: tuple[SimulatedSlide, AnnData, pd.DataFrame]) -> None:
    _, adata, truth = called
    identity = adata.obs["identity"].astype(str).to_numpy()
    for kind, name, share in (
        ("leukocyte", "leukocyte", 0.97), ("debris", "debris", 0.9), ("bare nucleus", "bare nucleus", 0.5),
    ):  # fmt: skip
        assert (identity[truth["kind"] == kind] == name).mean() >= share, kind


def test_intensity_is_within_five_percent(called: tuple[SimulatedSlide, AnnData, pd.DataFrame]) -> None:
    _, adata, truth = called
    used = (truth["kind"] == "CTC").to_numpy() & adata.obs["is_ctc"].to_numpy()
    used &= truth["saturated"].eq(False).to_numpy()
    measured = adata[used, "HER2_cell_mean"].X.ravel()
    error = measured / truth["her2_intensity"].to_numpy()[used] - 1
    assert abs(np.median(error)) < 0.05
    assert np.median(np.abs(error)) < 0.05


def test_states_are_right_where_the_scores_do_not_overlap(
    called: tuple[SimulatedSlide, AnnData, pd.DataFrame],
) -> None:
    """Where classes meet, half of the cells are on the wrong side; beyond, the call is that of the true intensity."""
    _, adata, truth = called
    used = (truth["kind"] == "CTC").to_numpy() & adata.obs["is_ctc"].to_numpy()
    units = truth["her2_units"].to_numpy()[used]
    between = np.sqrt([1.1 * 3.0, 8.0 * 20.0])
    clear = (np.abs(np.log(units[:, None] / between)) > np.log(1.6)).all(axis=1)
    assert clear.sum() >= 5
    expected = np.array(_keys.STATES)[np.searchsorted(between, units)]
    state = adata.obs["her2_if_state"].astype(str).to_numpy()[used]
    np.testing.assert_array_equal(state[clear], expected[clear])
