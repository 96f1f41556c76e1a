"""Scales of HER2 refitted to reviewed cells: they move to where the cells are, and say what that gains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, datasets, im, io, tl
from her2plastic._errors import MissingKeyError, ParameterError, ReviewError
from her2plastic.models.intensity_scale import without_drift

Factory = Callable[..., AnnData]
#: Units of the leukocytes' light at which the cells of the fixture lie, by score.
UNITS = np.array([1.1, 3.0, 8.0, 20.0])
WEAK = 0.5


def stained(measured: Factory, *, staining: float = WEAK, donors: int = 4, ctcs: int = 60, seed: int = 1) -> AnnData:
    """Return called CTCs of some donors whose HER2 is stained so much stronger than the reference scale says."""
    rng = np.random.default_rng(seed)
    parts = [
        measured(
            scores=rng.choice(4, size=ctcs, p=(0.3, 0.25, 0.2, 0.25)), slide_id=f"s{d}", donor_id=f"d{d}",
            seed=100 * seed + d, staining=staining, leukocytes=120,
        )
        for d in range(donors)
    ]  # fmt: skip
    adata = anndata.concat(parts)
    score = adata.obs["true_score"].to_numpy()
    words = np.array([*_keys.IF_SCORES, None], dtype=object)  # -1, no CTC, is the last place
    adata.obs["score"] = pd.Categorical(words[score])
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    return adata


def reviewers(adata: AnnData, *, n: int | None = 150, accuracy: tuple[float, ...] = (0.8, 0.85, 0.9)) -> pd.DataFrame:
    ctcs = adata[adata.obs[_keys.IS_CTC].to_numpy()]
    return datasets.simulate_reviewers(ctcs, accuracy=accuracy, truth_key="score", n_cells=n, seed=2)


def right(adata: AnnData) -> float:
    score = adata.obs["true_score"].to_numpy()
    ctc = (score >= 0) & adata.obs[_keys.HER2_IF_STATE].notna().to_numpy()
    truth = np.array(_keys.STATE_OF_SCORE, dtype=object)[score[ctc]]
    return float((adata.obs[_keys.HER2_IF_STATE].to_numpy(dtype=object)[ctc] == truth).mean())


@pytest.fixture(scope="module")
def weak(measured: Factory) -> AnnData:
    return stained(measured)


@pytest.fixture(scope="module")
def found(weak: AnnData) -> tl.Recalibration:
    return tl.recalibrate(weak, decisions=reviewers(weak))


def test_scale_moves_to_where_the_cells_are(found: tl.Recalibration) -> None:
    truth = np.log2(without_drift(UNITS, np.log2(1 / WEAK)))
    before = np.abs(np.array(found.before.mean_log2) - truth)
    after = np.abs(np.array(found.scale.mean_log2) - truth)
    assert after.max() < 0.35
    assert after.mean() < 0.5 * before.mean()
    assert found.scale.cohort_sd < found.before.cohort_sd


def test_calls_by_the_refitted_scale_are_better(weak: AnnData, found: tl.Recalibration) -> None:
    again = weak.copy()
    tl.her2_if(again, calibration=found.scale)
    assert right(again) > right(weak) + 0.03
    assert again.uns[_keys.ROOT]["her2_if"]["calibration"]["name"] == "reviewed"


def test_gain_is_that_of_groups_held_out(found: tl.Recalibration) -> None:
    groups = found.to_frame()
    assert groups["group"].tolist() == ["d0", "d1", "d2", "d3"]
    gains = groups["log_score_after"] - groups["log_score_before"]
    assert found.gain == pytest.approx(gains.mean())
    assert found.gain > 0
    assert found.gain_lower < found.gain < found.gain_upper
    assert 2 / 2**4 <= found.p <= 1
    assert found.right[1] > found.right[0]
    assert groups["n"].sum() == sum(found.n_cells.values())
    assert found.verdict in found.summary()


def test_cells_chosen_by_their_uncertainty_do_not_draw_the_scale(weak: AnnData, found: tl.Recalibration) -> None:
    ctcs = weak[weak.obs[_keys.IS_CTC].to_numpy() & weak.obs[_keys.HER2_IF_STATE].notna().to_numpy()]
    unsure = ctcs[np.argsort(ctcs.obs[_keys.HER2_IF_CONFIDENCE].to_numpy())[:150]]
    drawn = datasets.simulate_reviewers(unsure, accuracy=(0.8, 0.85, 0.9), truth_key="score", seed=2)
    adata = weak.copy()
    adata.obs["all"] = "one"
    chosen = tl.recalibrate(adata, decisions=drawn, by="all")
    np.testing.assert_allclose(chosen.scale.mean_log2, found.scale.mean_log2, atol=0.4)


def test_nothing_is_called_and_the_record_survives(weak: AnnData, found: tl.Recalibration, tmp_path: Path) -> None:
    before = weak.obs.copy()
    assert weak.uns[_keys.ROOT]["her2_if"]["calibration"]["name"] == "reference"
    weak.copy().write_h5ad(tmp_path / "cells.h5ad")
    record = anndata.read_h5ad(tmp_path / "cells.h5ad").uns[_keys.ROOT]["recalibrate"]["recalibration"]
    assert record["verdict"] == found.verdict
    np.testing.assert_array_equal(record["scales"]["after"]["mean_log2"], found.scale.mean_log2)
    pd.testing.assert_frame_equal(weak.obs, before)


def test_drift_stays_taken_off(measured: Factory) -> None:
    adata = stained(measured, donors=2, ctcs=40)
    record = adata.uns[_keys.ROOT]["her2_if"]
    record["batches"]["drift_log2"] = np.array([0.3, -0.3])
    fitted = tl.recalibrate(adata, decisions=reviewers(adata, n=None, accuracy=(0.9,)))
    assert dict(fitted.scale.drift_log2) == {"s0": 0.3, "s1": -0.3}
    again = adata.copy()
    tl.her2_if(again, calibration=fitted.scale)
    np.testing.assert_allclose(again.uns[_keys.ROOT]["her2_if"]["batches"]["drift_log2"], [0.3, -0.3])
    assert fitted.gain_status == "insufficient: 2 groups of 'donor_id' with reviewed CTCs, 3 needed"
    assert np.isnan(fitted.gain)
    assert "cannot be said" in fitted.verdict


def test_few_reviewed_cells_place_nothing(weak: AnnData) -> None:
    fitted = tl.recalibrate(weak.copy(), decisions=reviewers(weak, n=14))
    assert fitted.scale is None
    assert fitted.status.startswith("insufficient: ")
    assert fitted.status.endswith("states with 10 reviewed CTCs, 2 needed")
    assert fitted.status in fitted.summary()


def test_same_seed_same_scale(weak: AnnData) -> None:
    drawn = reviewers(weak, n=60, accuracy=(0.9,))
    adata = weak.copy()
    adata.obs["all"] = "one"
    one, same = (tl.recalibrate(adata, decisions=drawn, by="all", seed=3) for _ in range(2))
    assert one.scale == same.scale


def test_expression_moves_to_where_the_cells_are() -> None:
    adata = datasets.simulate_cohort(
        n_donors=3, draws=(0,), n_ctc=60, seed=1, n_genes=900, contamination=datasets.Contamination.none()
    )
    off = tl.shipped_scale()
    off = replace(off, mean_log2_cpm=tuple(m + 1.2 for m in off.mean_log2_cpm))
    tl.her2_state(adata, calibration=off)
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.85, 0.9, 0.9), seed=1)
    adata.obs["all"] = "one"
    fitted = tl.recalibrate(adata, decisions=drawn, model="her2_state", by="all")
    moved = np.array(fitted.scale.mean_log2_cpm) - np.array(off.mean_log2_cpm)
    assert -1.9 < moved.mean() < -0.7
    assert fitted.scale.name == "reviewed"
    tl.her2_state(adata, calibration=fitted.scale)
    assert adata.uns[_keys.ROOT]["her2_state"]["assays"]["10x"]["cohort_sd"] == 0.0


def test_faults_are_named(weak: AnnData) -> None:
    drawn = reviewers(weak, n=30)
    faults: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"model": "eye"}, ParameterError, "model='eye'"), ({"level": 1.0}, ParameterError, "level"),
        ({"reader_accuracy": 0.2}, ParameterError, "reader_accuracy"), ({"by": "clinic"}, MissingKeyError, "clinic"),
        ({"model": "her2_state"}, MissingKeyError, "her2_state"), ({"seed": -1}, ParameterError, "seed"),
        ({"decisions": drawn.assign(cell_id="x")}, ReviewError, "another data set"),
    ]  # fmt: skip
    for given, error, named in faults:
        with pytest.raises(error, match=named):
            tl.recalibrate(weak.copy(), **({"decisions": drawn} | given))


def test_a_published_rule_has_no_scale() -> None:
    adata = datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=20, seed=1, n_genes=900)
    tl.her2_state(adata, calibration="jordan2016")
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.9,))
    with pytest.raises(ParameterError, match="jordan2016"):
        tl.recalibrate(adata, decisions=drawn, model="her2_state")


def test_page_works_as_written(weak: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block of docs/review_agreement.md, on cells that are stained half as strongly as the scale says."""
    page = (Path(__file__).parents[2] / "docs" / "review_agreement.md").read_text(encoding="utf-8")
    block = page.split("```python\n")[1].split("```")[0]
    decisions = reviewers(weak)
    monkeypatch.setattr(io, "read_decisions", {"results/review.journal": decisions}.__getitem__)
    (tmp_path / "results").mkdir()
    weak.write_h5ad(tmp_path / "results" / "cells.h5ad")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/review_agreement.md", "exec"), names)
    assert names["fitted"].gain_lower > 0
    assert right(anndata.read_h5ad("reviewed.h5ad")) > right(weak) + 0.1
    too_few = {"results/review.journal": decisions.iloc[:8]}.__getitem__
    monkeypatch.setattr(io, "read_decisions", too_few)
    exec(compile(block, "docs/review_agreement.md", "exec"), names)
    assert names["fitted"].scale is None
    assert right(anndata.read_h5ad("reviewed.h5ad")) == right(weak)
