from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from her2plastic import _keys, datasets, pp, tl
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import Composition, Contamination
from her2plastic.tl._trajectory import statistic
from her2plastic.tl.trajectory_result import LESS_JOINED, NOT_TOLD_APART

FEW = {"n_null": 99}
#: All cells of one state, which never changes.
STILL = Composition(prior=(1e-3, 1e-3, 1000.0), rates=((0.0, 0.0, 0.0),) * 3, rate_sd=0.0)


def called(**options: Any) -> Any:
    """Clean CTCs with states and programmes, and three leukocytes' worth of cells that are no CTC."""
    adata = datasets.simulate_cohort(
        draws=(0, 21), n_genes=1000, contamination=Contamination.none(), mesenchymal=0.0, **options
    )
    adata.obs[_keys.IS_CTC] = np.arange(adata.n_obs) >= 3
    tl.amplicon(adata)
    tl.her2_state(adata)
    tl.programmes(adata)
    return adata


@pytest.fixture(scope="module")
def _cells() -> Any:
    return called(n_donors=8, n_ctc=15, platform="smart-seq2", seed=3)


@pytest.fixture(scope="module")
def _found(_cells: Any) -> tuple[Any, Any]:
    adata = _cells.copy()
    return adata, tl.trajectory(adata)


@pytest.fixture
def cells(_cells: Any) -> Any:
    return _cells.copy()


# --- cohorts of CTCs ----------------------------------------------------------------------------------------------
def test_states_lie_along_the_path_with_and_without_erbb2(_found: tuple[Any, Any]) -> None:
    adata, found = _found
    assert found.status == "ok"
    assert found.found()
    assert found.left_out == ("ERBB2",)
    assert found.links.features == (*found.links_without.features, "ERBB2")
    assert found.tests == (found.links_without.test, found.links.test)
    assert found.decisive is found.links_without
    assert found.links.test.observed > found.links_without.test.observed > 0
    assert found.links.relation[0, 2] == LESS_JOINED
    frame: Any = found.to_frame().set_index(["first", "second"])
    ends = frame.loc[("HER2-0", "HER2-positive")]
    assert ends["relation_without"] == LESS_JOINED
    assert ends["connectivity"] < ends["connectivity_without"] < ends["expected_without"]
    assert found.numbers == {"cells": adata.n_obs - 3, "donors": 8}
    assert any("circular" in note for note in found.notes)
    assert 0 < found.agreement < 1


def test_pseudotime_rises_from_the_root_through_the_states(_found: tuple[Any, Any]) -> None:
    adata, found = _found
    pseudotime = adata.obs[_keys.HER2_PSEUDOTIME]
    assert pseudotime[:3].isna().all()
    assert pseudotime[3:].between(0, 1).all()
    assert (pseudotime.max(), pseudotime[found.root["cell_id"]]) == (1.0, 0.0)
    assert found.root["state"] == "HER2-0"
    assert found.root["chosen"] == "automatic"
    assert found.positions["pseudotime"].is_monotonic_increasing
    assert (found.positions["lower"] < found.positions["pseudotime"]).all()
    assert spearmanr(pseudotime[3:], adata.obs["true_erbb2_cpm"][3:]).statistic > 0.3
    assert np.isnan(adata.obsm[_keys.DIFFMAP][:3]).all()
    assert adata.obsm[_keys.DIFFMAP].shape == (adata.n_obs, 10)


def test_pseudotime_is_that_of_scanpy(_found: tuple[Any, Any]) -> None:
    """Scanpy adds the stationary component, which is nearly constant."""
    import scanpy as sc

    from her2plastic.tl.trajectory_cells import laid_cells

    adata, found = _found
    laid = laid_cells(adata, None, None, _keys.HER2_POSTERIOR, _keys.DONOR_ID, centre_donors=True, scale=True)
    copy = anndata.AnnData(laid.features.values.astype(np.float32), obs=pd.DataFrame(index=adata.obs_names[laid.used]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        sc.pp.neighbors(copy, n_neighbors=30, use_rep="X", random_state=0)
        sc.tl.diffmap(copy, n_comps=10)
        copy.uns["iroot"] = int(np.flatnonzero(copy.obs_names == found.root["cell_id"])[0])
        sc.tl.dpt(copy)
    theirs = copy.obs["dpt_pseudotime"]
    np.testing.assert_allclose(adata.obs.loc[theirs.index, _keys.HER2_PSEUDOTIME], theirs, atol=0.01)


def test_single_class_is_found_with_erbb2_only_which_is_circular() -> None:
    """Cells of one state that scatter are called several states, and ERBB2 agrees with its own calls."""
    adata = called(n_donors=6, n_ctc=20, platform="smart-seq2", seed=1, amplified=0.0, composition=STILL)
    found = tl.trajectory(adata, **FEW)
    assert found.links.test.p == 0.01
    assert found.links_without.test.p > 0.05
    assert not found.found()
    assert set(found.links_without.relation[np.triu_indices(3, 1)]) <= {NOT_TOLD_APART, "insufficient"}
    assert any("no path between them" in note for note in found.notes)


def test_donors_that_differ_change_nothing(cells: Any) -> None:
    moved = cells.copy()
    donor = moved.obs[_keys.DONOR_ID].cat.codes.to_numpy()
    moved.obsm[_keys.PROGRAMMES] += 3.0 * np.random.default_rng(0).normal(size=(8, 7))[donor]
    first, second = (tl.trajectory(data, **FEW) for data in (cells, moved))
    np.testing.assert_allclose(first.links_without.connectivity, second.links_without.connectivity, atol=0.02)
    loose = tl.trajectory(moved, centre_donors=False, **FEW)
    assert abs(loose.links_without.connectivity[0, 2] - first.links_without.connectivity[0, 2]) > 0.02


def test_genes_of_the_path_are_named_and_not_tested(_found: tuple[Any, Any]) -> None:
    adata, found = _found
    genes: Any = found.genes.set_index("gene")
    builds = {"ERBB2", *(gene for members in step_record(adata, "programmes")["genes"].values() for gene in members)}
    of_path = genes.index.isin(builds)
    assert of_path.sum() > 20
    assert (genes.loc[of_path, "note"] == "builds the path").all()
    assert genes.loc[of_path, "p_value"].isna().all()
    assert genes.loc["ERBB2", "correlation"] > 0.3
    tested = genes[~of_path]
    assert tested["p_value"].notna().sum() > 500
    assert (tested["p_value"].dropna() >= 2 / 2**8).all()
    assert {"GRB7", "STARD3"} & set(genes.index[genes["correlation"] > 0])


# --- roots --------------------------------------------------------------------------------------------------------
def test_root_stays_true_when_cells_are_left_out(cells: Any) -> None:
    first = tl.trajectory(cells, root_state="HER2-positive", **FEW)
    assert first.root["chosen"] == "given state"
    fewer = cells[3:][::2].copy()
    name = step_record(fewer, "trajectory")["root"]["cell_id"]
    if name not in fewer.obs_names:
        fewer = cells[3:][1::2].copy()
    again = tl.trajectory(fewer, root_cell=name, **FEW)
    assert again.root == {"cell_id": name, "state": first.root["state"], "chosen": "given cell"}
    assert fewer.obs.loc[name, _keys.HER2_PSEUDOTIME] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"root_state": "HER2-high"}, "root_state='HER2-high' is not known; options: 'HER2-0', 'HER2-low'"),
        ({"root_cell": "nobody"}, "root_cell='nobody': 0 cells have this name"),
        ({"root_cell": 0}, "left out of the path"),
        ({"root_cell": "a", "root_state": "HER2-0"}, "give one of them"),
        ({"n_neighbors": 2}, "n_neighbors=2: expected a whole number of at least 3"),
        ({"n_null": 9.5}, "n_null=9.5"),
        ({"level": 1.0}, "level=1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"leave_out": ["GRB7"]}, "leave_out names 'GRB7', which is none of the features"),
        ({"leave_out": "ERBB2"}, "expected a list of features"),
        ({"features": "X_none"}, "X_none"),
        ({"state_key": "nothing"}, "nothing"),
        ({"posterior_key": "nothing"}, "tl.her2_state first, or name state_key"),
        ({"donor_key": "nothing"}, "donor_key"),
    ],
)
def test_bad_parameters(cells: Any, options: dict[str, Any], said: str) -> None:
    if options.get("root_cell") == 0:
        options = {"root_cell": cells.obs_names[0]}
    with pytest.raises((ParameterError, MissingKeyError), match=said.replace("(", r"\(")):
        tl.trajectory(cells, **FEW | options)
    assert _keys.HER2_PSEUDOTIME not in cells.obs


def test_posterior_that_is_none_is_refused(cells: Any) -> None:
    cells.obsm[_keys.HER2_POSTERIOR] *= 2
    with pytest.raises(ParameterError, match="rows have to sum to 1"):
        tl.trajectory(cells, **FEW)


def test_programmes_are_asked_for() -> None:
    with pytest.raises(MissingKeyError, match="Run her2plastic.tl.programmes first"):
        tl.trajectory(anndata.AnnData(np.ones((5, 2))))


# --- what falls short -----------------------------------------------------------------------------------------------
def _ten(adata: Any) -> Any:
    return adata[3:13].copy()


def _one_state(adata: Any) -> Any:
    adata.obsm[_keys.HER2_POSTERIOR].loc[:, :] = [0.0, 1.0, 0.0]
    return adata


def _no_features(adata: Any) -> Any:
    adata.obsm[_keys.PROGRAMMES] = adata.obsm[_keys.PROGRAMMES] * np.nan
    return adata


def _like_cells(adata: Any) -> Any:
    adata.obsm["same"] = np.ones((adata.n_obs, 2))
    return adata


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (_ten, {}, "10 cells can be laid out, 30 needed"),
        (_one_state, {}, "1 states have 5 cells that are more likely theirs than not (0 HER2-0, 237 HER2-low"),
        (_no_features, {}, "1 features, 2 needed"),
        (_like_cells, {"features": "same"}, "0 features vary within donors, 1 needed"),
    ],
)
def test_too_little_is_a_result(
    cells: Any, change: Callable[[Any], Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    adata = change(cells)
    found = tl.trajectory(adata, **FEW | options)
    assert found.status.startswith(f"insufficient: {said}")
    assert not found.found()
    assert np.isnan(found.tests[0].p)
    assert adata.obs[_keys.HER2_PSEUDOTIME].isna().all()
    assert np.isnan(adata.obsm[_keys.DIFFMAP]).all()
    assert found.status in found.summary()
    assert set(found.to_frame()["relation"]) == {"insufficient"}
    adata.write_h5ad(tmp_path / "cells.h5ad")
    assert step_record(anndata.read_h5ad(tmp_path / "cells.h5ad"), "trajectory")["status"] == found.status
    if not options:
        assert np.isnan(statistic(adata))


def test_few_donors_hold_for_themselves_only(cells: Any) -> None:
    adata = cells[~cells.obs[_keys.DONOR_ID].isin(["D01", "D02", "D03"])].copy()
    found = tl.trajectory(adata, **FEW)
    assert found.genes.empty
    assert "genes: insufficient: 5 donors have 10 cells on the path, 6 needed." in found.notes
    assert any(note.startswith("5 donors: what is found holds for their cells") for note in found.notes)


# --- what is written --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_everything_survives_files(_found: tuple[Any, Any], kind: str, tmp_path: Path) -> None:
    adata, found = _found
    path = tmp_path / f"cells.{kind}"
    adata = adata[:, :5].copy()
    adata.obs = adata.obs[[_keys.HER2_PSEUDOTIME]]
    adata.uns[_keys.ROOT] = {"trajectory": step_record(adata, "trajectory")}
    getattr(adata, f"write_{kind}")(path)
    back = getattr(anndata, f"read_{kind}")(path)
    record = step_record(back, "trajectory")
    np.testing.assert_array_equal(record["links_without"]["connectivity"], found.links_without.connectivity)
    np.testing.assert_array_equal(record["links"]["relation"].astype(object), found.links.relation)
    assert record["root"]["cell_id"] == found.root["cell_id"]
    assert record["tests"]["0"]["p"] == found.tests[0].p
    assert list(record["genes"]["gene"]) == list(found.genes["gene"])
    np.testing.assert_array_equal(back.obs[_keys.HER2_PSEUDOTIME], adata.obs[_keys.HER2_PSEUDOTIME])


def test_same_seed_same_result_and_nothing_else_is_touched(cells: Any, _found: tuple[Any, Any]) -> None:
    before = cells.copy()
    again, first = tl.trajectory(cells), _found[1]
    pd.testing.assert_frame_equal(again.to_frame(), first.to_frame())
    pd.testing.assert_frame_equal(again.genes, first.genes)
    assert (cells.X != before.X).nnz == 0
    pd.testing.assert_frame_equal(cells.obs.drop(columns=_keys.HER2_PSEUDOTIME), before.obs)
    assert set(cells.obsm) - set(before.obsm) == {_keys.DIFFMAP}
    assert set(cells.obsp) == set()
    assert statistic(cells) == pytest.approx(first.tests[0].observed, rel=1e-6)


def test_summary_tells_the_story(_found: tuple[Any, Any]) -> None:
    text = _found[1].summary()
    for part in ("8 donors", "(HER2-0, automatic)", "with ERBB2 (circular): ", "HER2-0 and HER2-positive: less joined"):
        assert part in text


# --- data beyond HER2 -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def public() -> dict[str, Any]:
    """What scanpy has on board."""
    import scanpy as sc

    with warnings.catch_warnings():
        for category in (UserWarning, FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        found = {"blood": sc.datasets.krumsiek11(), "mono": sc.datasets.pbmc68k_reduced()}
        found["blood"].obs_names_make_unique()
        found["switch"] = sc.datasets.toggleswitch()
    return found


def test_fates_of_blood_lie_apart_and_after_their_progenitor(public: dict[str, Any]) -> None:
    adata = public["blood"]
    found = tl.trajectory(adata, features="X", state_key="cell_type", root_state="progenitor", **FEW)
    assert found.links_without is None
    assert found.tests[0].p == 0.01
    place = found.states.index("progenitor")
    fates = [k for k in range(5) if k != place]
    to_progenitor = found.links.connectivity[place, fates]
    assert to_progenitor.min() > np.nanmax(found.links.connectivity[np.ix_(fates, fates)])
    positions = found.positions.set_index("state")["pseudotime"]
    assert positions.idxmin() == "progenitor"
    assert found.links.relation[fates[0], fates[1]] == LESS_JOINED


def test_toggle_switch_has_two_ends(public: dict[str, Any]) -> None:
    adata = public["switch"]
    late = adata.X[:, 0] > adata.X[:, 1]
    adata.obs["side"] = np.where(late, "first gene", "second gene")
    found = tl.trajectory(adata, features="X", state_key="side", centre_donors=False, n_neighbors=10, **FEW)
    assert found.found()
    assert found.links.relation[0, 1] == LESS_JOINED


def test_cell_types_that_never_turn_into_one_another_are_less_joined(public: dict[str, Any]) -> None:
    found = tl.trajectory(public["mono"], features="X_pca", state_key="bulk_labels", **FEW)
    frame: Any = found.to_frame().set_index(["first", "second"])
    for one, other in (("CD14+ Monocyte", "CD19+ B"), ("CD19+ B", "CD56+ NK"), ("CD14+ Monocyte", "CD56+ NK")):
        assert frame.loc[(one, other), "relation"] == LESS_JOINED
        assert frame.loc[(one, other), "connectivity"] < 0.05
    assert frame.loc[("CD14+ Monocyte", "Dendritic"), "connectivity"] > 0.5


def test_shuffled_labels_are_not_found(public: dict[str, Any]) -> None:
    adata = public["mono"].copy()
    adata.obs["bulk_labels"] = np.random.default_rng(0).permutation(adata.obs["bulk_labels"].astype(str))
    found = tl.trajectory(adata, features="X_pca", state_key="bulk_labels", **FEW)
    assert not found.found()
    assert set(found.to_frame()["relation"]) == {NOT_TOLD_APART}


def test_controls_and_cells_without_a_state_are_left_out(cells: Any) -> None:
    cells.obs[_keys.LABEL] = np.where(np.arange(cells.n_obs) < 10, "HER2-positive", "")
    cells.obsm[_keys.HER2_POSTERIOR].iloc[10:20] = np.nan
    found = tl.trajectory(cells, **FEW)
    assert found.numbers["cells"] == cells.n_obs - 20
    assert cells.obs[_keys.HER2_PSEUDOTIME][:20].isna().all()


def test_pipeline_with_contamination_runs(cells: Any) -> None:
    adata = datasets.simulate_cohort(n_donors=3, draws=(0,), n_ctc=25, n_genes=1000, seed=2)
    pp.ctc_identity(adata)
    tl.her2_state(adata)
    tl.programmes(adata)
    found = tl.trajectory(adata, **FEW)
    assert found.numbers["cells"] <= adata.obs[_keys.IS_CTC].sum()
    assert adata.obs.loc[~adata.obs[_keys.IS_CTC], _keys.HER2_PSEUDOTIME].isna().all()
