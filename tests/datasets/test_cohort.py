from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, reference
from her2plastic._access import row_sums
from her2plastic.datasets import Composition, Contamination, ERBB2Model, Library
from her2plastic.datasets.transcriptome import STATE_PROGRAMMES, named_genes

# anndata types obs and X as unions of all their backings
simulate_cohort: Any = datasets.simulate_cohort

CTCS = ("CTC", "platelet-coated CTC", "CTC-leukocyte")


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(n_donors=10, n_ctc=60, controls=4, control_batches=2, amplified=0.4, expected=True, seed=3)


def truth(adata):
    return adata.uns["her2plastic"]["simulate_cohort"]


def test_same_seed_same_cohort():
    first, again, other = (simulate_cohort(n_donors=3, draws=(0, 21), seed=seed) for seed in (5, 5, 6))
    assert (first.X != again.X).nnz == 0
    assert first.obs.equals(again.obs)
    assert first.shape != other.shape or (first.X != other.X).nnz > 0


def test_layout(cohort):
    assert cohort.obs_names.is_unique and cohort.var_names.is_unique
    assert (cohort.obs_names == cohort.obs[_keys.CELL_ID]).all()
    assert cohort.n_vars == 2000
    assert cohort.X.dtype == np.float32 and cohort.X.format == "csr"
    assert cohort.layers[_keys.COUNTS] is cohort.X or np.shares_memory(cohort.layers[_keys.COUNTS].data, cohort.X.data)
    assert (cohort.X.data > 0).all() and (cohort.X.data == np.round(cohort.X.data)).all()
    assert cohort.var.loc["ERBB2", _keys.GENE_ID] == "ENSG00000141736"
    assert set(cohort.obs[_keys.ASSAY]) == {"10x"} <= set(reference.assays().index)
    known = {key.name for key in _keys.REGISTRY if key.slot == "obs"} | {"er", "pr"}
    assert set(cohort.obs) <= known


def test_genes_of_the_panels_and_of_the_amplicon_are_simulated():
    wanted = {gene for genes in reference.panels().values() for gene in genes} | set(reference.amplicon()["gene"])
    assert wanted <= set(named_genes())


def test_expected_cpm_sum_to_a_million(cohort):
    assert cohort.layers[_keys.EXPECTED_CPM].sum(axis=1) == pytest.approx(np.full(cohort.n_obs, 1e6), rel=1e-5)


def test_true_erbb2_is_the_expected_value_of_clean_cells():
    adata = simulate_cohort(n_donors=4, n_ctc=30, contamination=Contamination.none(), expected=True)
    column = adata.layers[_keys.EXPECTED_CPM][:, adata.var_names.get_loc("ERBB2")]
    assert column == pytest.approx(adata.obs[_keys.TRUE_ERBB2_CPM].to_numpy(), rel=1e-5)


def test_counts_follow_their_expectation():
    adata = simulate_cohort(
        n_donors=4, draws=(0,), n_ctc=200, expected=True, contamination=Contamination(low_quality=0)
    )
    expected = adata.layers[_keys.EXPECTED_CPM].astype(float) * adata.obs[[_keys.TRUE_DEPTH]].to_numpy() / 1e6
    variance = (expected + 0.1 * expected**2).sum(axis=0)
    z = (np.asarray(adata.X.sum(axis=0)).ravel() - expected.sum(axis=0)) / np.sqrt(variance)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.9 < z.std() < 1.1


def test_truth_is_consistent(cohort):
    obs = cohort.obs
    ctc = obs[_keys.TRUE_IDENTITY].isin(CTCS)
    assert (obs[_keys.TRUE_STATE].notna() == ctc).all()
    assert obs[_keys.TRUE_STATE].cat.ordered and tuple(obs[_keys.TRUE_STATE].cat.categories) == _keys.STATES
    assert tuple(obs[_keys.TRUE_IDENTITY].cat.categories) == _keys.IDENTITIES
    patient = obs[_keys.DONOR_ID] != "control"
    amplified = dict(zip(truth(cohort)["donors"], truth(cohort)["donor_amplified"], strict=True))
    expected = (obs[_keys.TRUE_STATE] == "HER2-positive") & obs[_keys.DONOR_ID].astype(object).map(amplified).eq(True)
    assert ((obs[_keys.TRUE_MECHANISM] == "amplified") == expected)[patient].all()
    assert sum(amplified.values()) == 4
    assert (obs[_keys.TRUE_PLATELET_SHARE] > 0).eq(obs[_keys.TRUE_IDENTITY] == "platelet-coated CTC").all()
    assert obs[_keys.TRUE_NEXT].isna().all() and obs[_keys.TIME_SINCE_SWITCH].isna().all()
    counts = truth(cohort)["ctc_counts"]
    assert counts.shape == (10, 4, 3) and (counts.sum(axis=2) == 60).all()
    seen = obs[ctc & patient].groupby(["donor_id", "draw_day", "true_state"], observed=True).size()
    for donor, name in enumerate(truth(cohort)["donors"]):
        for draw, day in enumerate(truth(cohort)["draws"]):
            for state, state_name in enumerate(_keys.STATES):
                assert seen.get((name, day, state_name), 0) == counts[donor, draw, state]


def test_shares_move_by_the_recorded_rates(cohort):
    from scipy.linalg import expm

    record = truth(cohort)
    assert record["composition"].sum(axis=2) == pytest.approx(np.ones((10, 4)))
    assert record["effective_rates"].sum(axis=2) == pytest.approx(np.zeros((10, 3)), abs=1e-12)
    step = record["composition"][2, 0] @ expm(record["effective_rates"][2] * 42)
    assert record["composition"][2, 2] == pytest.approx(step)


def test_controls_are_clean_labelled_cells_without_donor(cohort):
    controls = cohort.obs[cohort.obs[_keys.DONOR_ID] == "control"]
    assert controls.groupby(_keys.LABEL, observed=False).size().tolist() == [8, 8, 8]
    assert (controls[_keys.LABEL].astype(str) == controls[_keys.TRUE_STATE].astype(str)).all()
    assert controls[_keys.DRAW_DAY].isna().all()
    assert controls[_keys.TRUE_QUALITY].all() and (controls[_keys.TRUE_ERYTHROID_SHARE] == 0).all()
    assert (controls[_keys.TRUE_MECHANISM] == "amplified").sum() == 4
    assert controls[_keys.SAMPLE_ID].nunique() == 6
    patients = cohort.obs[cohort.obs[_keys.DONOR_ID] != "control"]
    assert patients[_keys.LABEL].isna().all()


def test_controls_leave_the_patients_as_they_are():
    plain = simulate_cohort(n_donors=3, draws=(0,), seed=1)
    assert _keys.LABEL not in plain.obs
    with_controls = simulate_cohort(n_donors=3, draws=(0,), seed=1, controls=5)
    assert (truth(plain)["ctc_counts"] == truth(with_controls)["ctc_counts"]).all()
    assert (truth(plain)["donor_erbb2_log2"] == truth(with_controls)["donor_erbb2_log2"]).all()


def test_a_draw_without_ctc_still_has_leukocytes():
    adata = simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=[[0, 5], [3, 0]], seed=2)
    empty = adata[adata.obs[_keys.SAMPLE_ID].isin(["D01-d0", "D02-d21"])]
    assert empty.obs[_keys.SAMPLE_ID].nunique() == 2
    assert (empty.obs[_keys.TRUE_IDENTITY] == "leukocyte").all()
    nothing = simulate_cohort(n_donors=2, n_ctc=0, contamination=Contamination.none())
    assert nothing.shape == (0, 2000)


def cpm_of(adata, genes, where):
    columns = adata.var_names.get_indexer(genes)
    assert (columns >= 0).all()
    return adata.layers[_keys.EXPECTED_CPM][np.asarray(where)][:, columns].sum(axis=1).mean()


def test_each_kind_of_event_expresses_what_it_is(cohort):
    obs, panel = cohort.obs, reference.panel
    kind = obs[_keys.TRUE_KIND].astype(str)
    clean = obs[_keys.TRUE_QUALITY] & (obs[_keys.TRUE_IDENTITY] == "CTC")
    epithelial, mesenchymal = clean & (kind == "epithelial"), clean & (kind == "mesenchymal")
    leukocyte = obs[_keys.TRUE_IDENTITY] == "leukocyte"
    doublet = obs[_keys.TRUE_IDENTITY] == "CTC-leukocyte"
    coated = obs[_keys.TRUE_IDENTITY] == "platelet-coated CTC"
    assert 0.05 < mesenchymal.sum() / clean.sum() < 0.16
    assert {"t_cell", "b_cell", "nk_cell", "monocyte", "granulocyte"} <= set(kind[leukocyte])
    for gene in ("EPCAM", "KRT8", "KRT19", "CDH1"):
        assert cpm_of(cohort, [gene], epithelial) > 3 * cpm_of(cohort, [gene], mesenchymal)
    for gene in ("FN1", "ZEB1", "VIM"):
        assert cpm_of(cohort, [gene], mesenchymal) > 3 * cpm_of(cohort, [gene], epithelial)
    assert cpm_of(cohort, ["PTPRC"], leukocyte) > 5 * cpm_of(cohort, ["PTPRC"], epithelial)
    assert cpm_of(cohort, ["PTPRC"], doublet) > 3 * cpm_of(cohort, ["PTPRC"], epithelial)
    assert cpm_of(cohort, ["EPCAM"], doublet) > 5 * cpm_of(cohort, ["EPCAM"], leukocyte)
    assert cpm_of(cohort, panel("platelet"), coated) > 10 * cpm_of(cohort, panel("platelet"), epithelial)
    poor = ~obs[_keys.TRUE_QUALITY]
    mitochondrial = [gene for gene in cohort.var_names if gene.startswith("MT-")]
    assert len(mitochondrial) == 13
    assert cpm_of(cohort, mitochondrial, poor) > 2.5 * cpm_of(cohort, mitochondrial, epithelial)
    assert obs.loc[poor, _keys.TRUE_DEPTH].median() < 0.3 * obs.loc[clean, _keys.TRUE_DEPTH].median()


def test_amplicon_is_gained_in_amplified_cells_alone(cohort):
    table = reference.amplicon()
    core, flank = (table.loc[table["group"] == group, "gene"].tolist() for group in ("core", "flank"))
    obs = cohort.obs
    clean = obs[_keys.TRUE_QUALITY] & (obs[_keys.TRUE_IDENTITY] == "CTC") & (obs[_keys.TRUE_KIND] == "epithelial")
    amplified = clean & (obs[_keys.TRUE_MECHANISM] == "amplified")
    plastic = clean & (obs[_keys.TRUE_STATE] == "HER2-positive") & ~amplified
    negative = clean & (obs[_keys.TRUE_STATE] == "HER2-0")
    assert 6 < cpm_of(cohort, core, amplified) / cpm_of(cohort, core, negative) < 10
    assert 0.75 < cpm_of(cohort, core, plastic) / cpm_of(cohort, core, negative) < 1.33
    assert 0.75 < cpm_of(cohort, flank, amplified) / cpm_of(cohort, flank, negative) < 1.33


def test_programmes_have_their_sizes():
    adata = simulate_cohort(
        n_donors=8, draws=(0,), n_ctc=150, contamination=Contamination.none(), mesenchymal=0, expected=True,
        composition=Composition(prior=(5.0, 5.0, 5.0)), seed=4,
    )  # fmt: skip
    state = adata.obs[_keys.TRUE_STATE].astype(str)
    differences = {}
    for name in STATE_PROGRAMMES:
        genes = adata.var_names[adata.var[_keys.TRUE_PROGRAMME] == name]
        assert len(genes) >= 30
        columns = np.log2(adata[:, genes].layers[_keys.EXPECTED_CPM]).mean(axis=1)
        by_donor = [
            columns[(inside := adata.obs[_keys.DONOR_ID] == donor) & (state == "HER2-positive")].mean()
            - columns[inside & (state == "HER2-0")].mean()
            for donor in adata.obs[_keys.DONOR_ID].cat.categories
        ]
        differences[name] = np.mean(by_donor)
    # the spread of a programme between cells is 0.3, over some 40 cells in each of 8 donors and 2 states
    wanted = {"proliferation": 0.6, "rtk": 0.5, "notch": -0.6, "dna_damage": -0.4, "stress": -0.4}
    assert differences == pytest.approx(wanted, abs=4 * 0.3 * np.sqrt(2 / 400))


def test_hormone_axis_is_independent_of_the_state(cohort):
    record, obs = truth(cohort), cohort.obs
    positive = dict(zip(record["donors"], record["donor_er_positive"], strict=True))
    patient = obs[_keys.DONOR_ID] != "control"
    status = obs.loc[patient, _keys.DONOR_ID].astype(object).map(positive).map({True: "positive", False: "negative"})
    assert (obs.loc[patient, "er"].astype(object) == status).all()
    ctc = patient & (obs[_keys.TRUE_IDENTITY] == "CTC") & obs[_keys.TRUE_QUALITY]
    assert cpm_of(cohort, ["ESR1"], ctc & (obs["er"] == "positive")) > 5 * cpm_of(
        cohort, ["ESR1"], ctc & (obs["er"] == "negative")
    )


def test_default_numbers_of_ctcs_and_events():
    record = truth(simulate_cohort(n_donors=400, draws=(0,), n_genes=900, seed=8, contamination=Contamination.none()))
    numbers = record["ctc_counts"].sum(axis=2).ravel()
    assert 5 <= np.median(numbers) <= 9
    assert numbers.min() >= 1 and numbers.max() <= 300
    assert record["donor_amplified"].sum() == 80


def test_share_of_leukocytes_doublets_and_cloaks():
    obs = simulate_cohort(n_donors=10, draws=(0,), n_ctc=400, n_genes=900, seed=9).obs
    share = obs[_keys.TRUE_IDENTITY].value_counts(normalize=True)
    assert share["leukocyte"] == pytest.approx(0.3, abs=0.03)
    ctc = obs[obs[_keys.TRUE_IDENTITY].isin(CTCS)]
    of_ctc = ctc[_keys.TRUE_IDENTITY].value_counts(normalize=True)
    assert of_ctc["CTC-leukocyte"] == pytest.approx(0.05, abs=0.015)
    assert of_ctc["platelet-coated CTC"] == pytest.approx(0.3, abs=0.03)
    assert (~obs[_keys.TRUE_QUALITY]).mean() == pytest.approx(0.15, abs=0.02)
    cloak = ctc.loc[ctc[_keys.TRUE_IDENTITY] == "platelet-coated CTC", _keys.TRUE_PLATELET_SHARE]
    assert 0.01 <= cloak.min() and cloak.max() <= 0.15
    assert obs[_keys.TRUE_AMBIENT_SHARE].mean() == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize(
    ("platform", "assay", "median"),
    [("10x", "10x", 8e3), ("10x-degraded", "10x", 3e3), ("smart-seq2", "smart-seq3", 1e5),
     ("smart-seq2-reads", "smart-seq2", 0.85e6)],
)  # fmt: skip
def test_platforms(platform, assay, median):
    adata = simulate_cohort(
        n_donors=2, draws=(0,), n_ctc=150, platform=platform, contamination=Contamination.none(), seed=1
    )
    assert set(adata.obs[_keys.ASSAY]) == {assay}
    # 300 cells with a spread of 0.7 or less in the log
    assert np.log(np.median(row_sums(adata.X)) / median) == pytest.approx(0, abs=4 * 1.25 * 0.7 / np.sqrt(300))


def test_a_platform_can_be_named_and_built_otherwise():
    adata = simulate_cohort(
        n_donors=1, n_ctc=5, platform="smart-seq2", assay="smart-seq3", library=Library(median=500.0, sd_log=0.0)
    )
    assert set(adata.obs[_keys.ASSAY]) == {"smart-seq3"}
    assert adata.X.sum(axis=1).max() < 5000


def test_parameters_are_recorded_as_plain_values(cohort):
    params = truth(cohort)["params"]
    assert params["seed"] == 3 and params["platform"] == "10x" and params["erbb2"]["donor_sd"] == 0.8
    assert params["composition"]["rates"].shape == (3, 3)
    assert "kinetics" not in params  # None cannot be stored; what is absent was not given


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_survives_a_round_trip(tmp_path, ending):
    adata = simulate_cohort(n_donors=2, draws=(0,), n_ctc=4, controls=1, kinetics=True, expected=True)
    path = tmp_path / f"cohort.{ending}"
    getattr(adata, f"write_{ending}")(path)
    back = getattr(anndata, f"read_{ending}")(path)
    assert (back.X != adata.X).nnz == 0
    assert set(back.layers) == set(adata.layers)
    pd.testing.assert_frame_equal(back.obs, adata.obs)
    mine, theirs = truth(adata), truth(back)
    assert set(mine) == set(theirs) and set(mine["params"]) == set(theirs["params"])
    assert np.array_equal(mine["composition"], theirs["composition"])


def test_erbb2_spread_between_cells_and_donors():
    model = ERBB2Model(medians=(30.0, 30.0, 30.0, 30.0), amplified_cell_sd=0.9)
    adata = simulate_cohort(
        n_donors=300, draws=(0,), n_ctc=10, erbb2=model, n_genes=900, contamination=Contamination.none(), seed=5
    )
    level = np.log2(adata.obs[_keys.TRUE_ERBB2_CPM].to_numpy()).reshape(300, 10)
    within = np.sqrt(level.var(axis=1, ddof=1).mean())
    between = np.sqrt(level.mean(axis=1).var(ddof=1) - within**2 / 10)
    assert within == pytest.approx(0.9, abs=0.05)
    assert between == pytest.approx(0.8, abs=0.15)
    effect = truth(adata)["donor_erbb2_log2"]
    assert np.corrcoef(effect, level.mean(axis=1))[0, 1] > 0.9
