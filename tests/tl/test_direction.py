from __future__ import annotations

import warnings
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import Contamination, Kinetics, Programmes
from her2plastic.models.velocity.score import pooled_score
from her2plastic.tl.direction_input import read_source
from her2plastic.tl.direction_scores import mode_flows, prepare

UP = ((0.0, 0.9, 0.0), (0.0, 0.0, 0.9), (0.0, 0.0, 0.0))
DOWN = ((0.0, 0.0, 0.0), (0.9, 0.0, 0.0), (0.0, 0.9, 0.0))
PANCREAS = {
    "ductal": ("Sox9", "Spp1", "Anxa2", "Bicc1", "Krt18"),
    "progenitor": ("Neurog3", "Neurod2", "Btbd17"),
    "pre-endocrine": ("Fev", "Chgb", "Cck", "Pax4"),
    "endocrine": ("Ins1", "Ins2", "Gcg", "Sst", "Ghrl", "Iapp", "Pyy"),
}
simulate_cohort: Any = datasets.simulate_cohort


def cohort(rates=UP, *, n_ctc=120, switching=True, strong=True, platform="smart-seq2", seed=2) -> Any:
    """Return clean CTCs of six patients; ``strong`` has programmes that differ between all states."""
    programmes = Programmes(
        rtk=(0, 0.6, 1.8, 1.8), notch=(1.8, 1.2, 0, 0), dna_damage=(1.8, 1.2, 0, 0), stress=(1.8, 1.2, 0, 0)
    )
    return simulate_cohort(
        n_donors=6, draws=(0, 21), n_ctc=n_ctc, platform=platform, seed=seed, n_genes=900, amplified=0,
        kinetics=Kinetics(rates=rates), switching=switching, programmes=programmes if strong else None,
        contamination=Contamination.none(),
    )  # fmt: skip


def direction(adata, **options) -> tl.Direction:
    return tl.direction(adata, **{"state_key": _keys.TRUE_STATE, "n_null": 39} | options)


@pytest.fixture(scope="module")
def moved() -> tuple[Any, tl.Direction]:
    adata = cohort()
    adata.obsm[_keys.UMAP] = np.random.default_rng(0).normal(size=(adata.n_obs, 2)).astype(np.float32)
    return adata, direction(adata)


@pytest.fixture(scope="module")
def small() -> Any:
    return cohort(n_ctc=15, strong=False)


def test_cells_on_their_way_up_are_seen(moved):
    _, found = moved
    assert found.status == "ok" and found.found()
    assert found.scores[1, 2] > 0 and found.verdict[1, 2] == "direction found"
    known = np.isfinite(found.scores)
    assert (found.scores[known] == -found.scores.T[known]).all()
    assert (found.lower[known] <= found.scores[known]).all() and (found.scores[known] <= found.upper[known]).all()
    assert found.modes == ("steady_state", "stochastic") and found.agreement[1, 2] == 1
    assert np.sign(found.variant_scores[:2, 1, 2]).tolist() == [1, 1]  # other numbers of neighbours
    assert {"without ERBB2", "with cell-cycle genes"} <= set(found.variants)
    assert found.donor_scores.shape == (6, 3, 3)
    frame = found.to_frame()
    assert frame.loc[frame["verdict"] == "direction found", "to"].isin(["HER2-low", "HER2-positive"]).all()


def test_cells_on_their_way_down_are_seen_or_nothing_is_said():
    found = direction(cohort(DOWN))
    known = np.isfinite(found.scores[np.triu_indices(3, 1)])
    assert (found.scores[np.triu_indices(3, 1)][known] < 0).all()
    assert known.any()


@pytest.mark.statistical
def test_static_twins_have_no_direction():
    p = []
    for seed in range(4):
        found = direction(cohort(switching=False, n_ctc=20, seed=seed))
        assert found.status.startswith("insufficient") and not found.found()
        assert np.isnan(found.scores).all()
        p += [test.p for test in found.tests[:1]]
    assert len(p) >= 3 and np.mean(np.array(p) <= 0.05) <= 0.5


def test_what_is_written(moved):
    adata, found = moved
    fates = adata.obsm[_keys.HER2_FATE]
    assert list(fates) == list(_keys.STATES)
    assert fates.dropna().sum(axis=1).to_numpy() == pytest.approx(1)
    assert fates.notna().all(axis=1).mean() > 0.9
    assert adata.obs[_keys.FATE_ENTROPY].dropna().between(0, 1).all()
    assert np.isfinite(adata.obsm[_keys.DIRECTION_UMAP]).all()
    record = adata.uns[_keys.ROOT]["direction"]
    assert tl.Direction.from_record(record).summary() == found.summary()
    assert "nothing per day" in found.summary() and "bursts" in found.summary()


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files_keep_it(moved, tmp_path, kind):
    adata, found = moved
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    back = getattr(anndata, f"read_{kind}")(tmp_path / f"a.{kind}")
    again = tl.Direction.from_record(back.uns[_keys.ROOT]["direction"])
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())
    assert dict(again.numbers) == dict(found.numbers) and again.notes == found.notes
    assert [test.summary() for test in again.tests] == [test.summary() for test in found.tests]


def test_steps_for_other_programs(moved):
    adata, _ = moved
    for backward in (False, True):
        steps = tl.direction_kernel(adata, backward=backward)
        assert steps.shape == (adata.n_obs, adata.n_obs) and steps.dtype == np.float64
        assert np.asarray(steps.sum(axis=1)).ravel() == pytest.approx(1)
        assert steps.data.min() >= 0


def test_drivers_of_a_fate(moved):
    adata, _ = moved
    table = tl.fate_drivers(adata, state="HER2-positive")
    assert ((table["note"] == "") == (table["n_donors"] >= 6)).all() and (table["n_donors"] > 2).all()
    assert (table["p_value"].notna() == (table["n_donors"] >= 6)).all()
    programme = adata.var[_keys.TRUE_PROGRAMME].reindex(table["gene"])
    means = table["correlation"].groupby(programme.to_numpy(), observed=True).mean()
    assert means["rtk"] > means["synthetic"] > means["notch"]
    with pytest.raises(ParameterError, match="state"):
        tl.fate_drivers(adata, state="nowhere")


def test_same_seed_same_result(small):
    first, second = (direction(small.copy(), seed=4) for _ in range(2))
    assert first.tests[0].simulated.tolist() == second.tests[0].simulated.tolist()


def test_unrelated_unspliced_counts_are_not_used(small):
    adata = small.copy()
    rng = np.random.default_rng(0)
    layer = adata.layers[_keys.UNSPLICED].toarray()
    for donor in adata.obs[_keys.DONOR_ID].unique():
        cells = np.flatnonzero(adata.obs[_keys.DONOR_ID] == donor)
        layer[cells] = rng.permuted(layer[cells], axis=0)
    adata.layers[_keys.UNSPLICED] = layer
    assert "unspliced counts do not rise with spliced counts" in direction(adata).status


def test_counts_over_exons_alone_say_so(small):
    adata = small.copy()
    del adata.layers[_keys.UNSPLICED]
    found = direction(adata)
    assert found.status.startswith("insufficient: 0 unspliced counts") and "introns" in found.status
    assert found.states == _keys.STATES
    assert _keys.HER2_FATE not in adata.obsm


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:40].copy(), "cells with a state and counts, 50 needed"),
        (lambda a: a[a.obs[_keys.TRUE_STATE] == "HER2-low"].copy(), "a single state"),
    ],
)
def test_too_few_cells_or_states(small, change, said):
    assert said in direction(change(small)).status


def test_thin_unspliced_layers(small):
    adata = small.copy()
    adata.layers[_keys.UNSPLICED] = adata.layers[_keys.UNSPLICED] * 0.1
    assert "of the counts are unspliced, 5% needed" in direction(adata).status
    adata = small.copy()
    layer = adata.layers[_keys.UNSPLICED].tolil()
    layer[:, adata.var_names.get_loc("ERBB2")] = 0
    adata.layers[_keys.UNSPLICED] = layer.tocsr()
    assert "unspliced ERBB2 is seen in 0.0% of the cells, 5% needed" in direction(adata).status


def test_few_patients_are_shown_alone(small):
    adata = small[small.obs[_keys.DONOR_ID].isin(["D01", "D02"])].copy()
    found = direction(adata)
    assert any(note.startswith("2 patients, 6 needed") for note in found.notes)
    assert np.isnan(found.lower).all()


def test_one_patient_without_a_donor_column(small):
    adata = small.copy()
    del adata.obs[_keys.DONOR_ID]
    assert direction(adata).numbers["patients"] == 1


@pytest.mark.parametrize(
    "options",
    [{"modes": "stochastic"}, {"modes": ()}, {"modes": ("fast",)}, {"n_neighbors": 1}, {"level": 1.0}, {"seed": -1},
     {"n_null": 5}],
)  # fmt: skip
def test_parameters_out_of_range(small, options):
    with pytest.raises(ParameterError):
        direction(small, **options)


def test_states_and_existing_results_have_to_be_there(small):
    with pytest.raises(MissingKeyError, match="her2_posterior"):
        tl.direction(small)
    with pytest.raises(MissingKeyError, match="clusters"):
        tl.direction(small, state_key="clusters")
    with pytest.raises(MissingKeyError, match="connectivities"):
        direction(small, use_existing=True)
    for function in (tl.direction_kernel, lambda adata: tl.fate_drivers(adata, state="HER2-0")):
        with pytest.raises(MissingKeyError, match=r"tl\.direction"):
            function(small)


@pytest.fixture(scope="module")
def pancreas(shared_data) -> Any:
    """Fifty cells of the developing pancreas, given to the marker genes that they show most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Warning)  # an old file: format and repeated names
        adata: Any = anndata.read_h5ad(shared_data / "velocity" / "pancreas_50obs.h5ad")
    adata.var_names_make_unique()
    spliced = adata.layers["spliced"].toarray()
    level = np.log1p(spliced / spliced.sum(axis=1, keepdims=True) * 1e4)
    level = (level - level.mean(axis=0)) / (level.std(axis=0) + 1e-9)
    shown = [level[:, adata.var_names.isin(genes)].mean(axis=1) for genes in PANCREAS.values()]
    adata.obs["stage"] = pd.Categorical.from_codes(np.argmax(shown, axis=0), pd.Index(list(PANCREAS)))
    return adata


@pytest.mark.parametrize("mode", ["steady_state", "stochastic"])
def test_pancreas_goes_from_ductal_to_endocrine(pancreas, mode):
    """Ductal, Neurog3, Fev, hormones (Bastidas-Ponce et al., Development 146:dev173849): all six pairs that way."""
    source = read_source(pancreas, posterior_key="", state_key="stage", donor_key=_keys.DONOR_ID)
    prepared = prepare(source, n_neighbors=15, without=frozenset())
    assert prepared is not None
    score = pooled_score(mode_flows(prepared, mode)[0])
    assert (score[np.triu_indices(4, 1)] > 0).all()


def test_fifty_cells_are_too_few_to_say_so(pancreas):
    found = direction(pancreas.copy(), state_key="stage")
    assert "candidate transitional cells" in found.status
    assert any("not HER2 states" in note for note in found.notes)


def test_stored_velocities_are_read(shared_data):
    """On the dentate gyrus cells our steps are those that the stored correlations give."""
    from her2plastic.models.velocity.kernel import step_agreement

    adata: Any = anndata.read_h5ad(shared_data / "velocity" / "cellrank_dentate_50obs.h5ad")
    stored = (adata.obsp["velocity_graph"] + adata.obsp["velocity_graph_neg"]).tocsr()
    used = np.isfinite(adata.layers["velocity"]).all(axis=0) & adata.var["velocity_genes"].to_numpy(dtype=bool)
    position, velocity = (np.asarray(adata.layers[name][:, used], dtype=np.float32) for name in ("Ms", "velocity"))
    found = step_agreement(position, velocity, stored.indptr, stored.indices)
    assert found == pytest.approx(stored.data, abs=1e-3)
    result = direction(adata, state_key="clusters", use_existing=True)
    assert result.status.startswith("insufficient")
