from __future__ import annotations

import anndata
import numpy as np
import pytest

from her2plastic import _keys, tl
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import simulate_draws
from her2plastic.tl import null_data
from her2plastic.tl.null_data import NullColumns

POSITIVE = {"merge": "positive"}


@pytest.fixture(scope="module")
def moving():
    return simulate_draws(n_patients=12, seed=1).to_anndata()


def posterior(adata):
    return adata.obsm[_keys.HER2_POSTERIOR].to_numpy()


def draw_counts(adata):
    return adata.obs.groupby([_keys.DONOR_ID, _keys.DRAW_DAY], observed=True).size()


@pytest.mark.parametrize("null", ["shuffled draw order", "no switching", "shuffled labels"])
def test_moves_stand_out_from_every_null(moving, null):
    before = moving.obs.copy()
    test = tl.null_test(moving, method="draws", null=null, n_null=9, seed=2, options=POSITIVE)
    assert (test.name, test.status) == (null, "ok")
    assert test.simulated.size == 9
    assert test.p == pytest.approx(0.1)
    assert moving.obs.equals(before)
    record = step_record(moving, "null_test_draws")
    assert record["tests"]["0"]["p"] == test.p
    assert set(moving.uns[_keys.ROOT]) == {"simulate_draws", "null_test_draws"}


def test_single_class_has_nothing_to_find(moving):
    test = tl.null_test(moving, method="draws", null="single class", n_null=3, options=POSITIVE)
    assert np.isneginf(test.simulated).all()  # the method says insufficient of each
    assert test.p == pytest.approx(0.25)


def test_same_seed_same_null(moving):
    first, again, other = (
        tl.null_test(moving, method="draws", null="shuffled labels", n_null=1, seed=seed, options=POSITIVE)
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first.simulated, again.simulated)
    assert not np.array_equal(first.simulated, other.simulated)


def test_few_patients_are_insufficient(moving):
    few = moving[moving.obs[_keys.DONOR_ID].isin(["P01", "P02"])].copy()
    for null in ("shuffled draw order", "shuffled labels"):
        test = tl.null_test(few, method="draws", null=null, n_null=5, options=POSITIVE)
        assert test.status.startswith("insufficient: 2 patients")
        assert np.isnan(test.p)


def test_result_survives_a_file(moving, tmp_path):
    adata = moving.copy()
    tl.null_test(adata, method="draws", n_null=3, options=POSITIVE)
    adata.write_h5ad(tmp_path / "a.h5ad")
    record = step_record(anndata.read_h5ad(tmp_path / "a.h5ad"), "null_test_draws")
    assert np.array_equal(
        record["tests"]["0"]["simulated"], step_record(adata, "null_test_draws")["tests"]["0"]["simulated"]
    )


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"method": "velocity"}, "method"),
        ({"method": "draws", "null": "impurity only"}, "null"),
        ({"method": "draws", "n_null": 0}, "n_null=0"),
        ({"method": "draws", "seed": -1}, "seed"),
        ({"method": "draws", "options": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_faulty_parameters_are_named(moving, said, named):
    with pytest.raises(ParameterError, match=named):
        tl.null_test(moving, **said)


# --- what the makers keep -----------------------------------------------------------------------------------------
def test_draw_order_keeps_draws_whole(moving):
    adata = moving.copy()
    adata.obs[_keys.TREATMENT] = np.where(adata.obs[_keys.DRAW_DAY] >= 42, "drug", "none")
    made = null_data.shuffled_draw_order(adata, NullColumns(), 3)
    old, new = (data.obs[_keys.DRAW_DAY].to_numpy() for data in (adata, made))
    assert (old != new).any()
    donor = adata.obs[_keys.DONOR_ID].to_numpy()
    for name in np.unique(donor):
        pairs = set(zip(old[donor == name], new[donor == name], strict=True))
        assert len(pairs) == len(set(old[donor == name])) == len(set(new[donor == name]))
    assert ((made.obs[_keys.TREATMENT] == "drug") == (new >= 42)).all()  # times keep their treatment
    assert np.array_equal(posterior(made), posterior(adata))


@pytest.mark.parametrize("maker", [null_data.shuffled_labels, null_data.no_switching, null_data.one_class])
def test_makers_keep_who_and_when(moving, maker):
    made = maker(moving, NullColumns(), 4)
    assert draw_counts(made).equals(draw_counts(moving))
    assert not np.array_equal(posterior(made), posterior(moving))
    assert (made.obs[_keys.HER2_STATE].cat.codes == posterior(made).argmax(axis=1)).all()
    again = maker(moving, NullColumns(), 4)
    assert np.array_equal(posterior(made), posterior(again))


def test_labels_stay_with_their_patient(moving):
    made = null_data.shuffled_labels(moving, NullColumns(), 4)
    donor = moving.obs[_keys.DONOR_ID].to_numpy()
    for name in np.unique(donor):
        assert posterior(made)[donor == name].sum(axis=0) == pytest.approx(posterior(moving)[donor == name].sum(axis=0))


def test_controls_and_other_cells_stay(moving):
    adata = moving.copy()
    adata.obs[_keys.IS_CTC] = np.arange(adata.n_obs) % 3 > 0
    adata.obs[_keys.LABEL] = np.where(np.arange(adata.n_obs) % 5 == 1, "HER2-0", "")
    moved = null_data.used_cells(adata)
    for maker in (null_data.shuffled_labels, null_data.no_switching, null_data.one_class):
        made = maker(adata, NullColumns(), 1)
        assert np.array_equal(posterior(made)[~moved], posterior(adata)[~moved])
    made = null_data.shuffled_draw_order(adata, NullColumns(), 1)
    assert (made.obs[_keys.DRAW_DAY][~moved] == adata.obs[_keys.DRAW_DAY][~moved]).all()


def test_clones_become_pure(moving):
    adata = moving.copy()
    adata.obs[_keys.CLONE_ID] = [f"C{number % 40}" for number in range(adata.n_obs)]
    made = null_data.pure_clones(adata, NullColumns(), 0)
    assert made.obs.groupby(_keys.CLONE_ID)[_keys.HER2_STATE].nunique().max() == 1


def test_unspliced_counts_are_dealt_gene_by_gene():
    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, (60, 5)).astype(np.float32)
    adata = anndata.AnnData(counts, layers={_keys.UNSPLICED: counts.copy(), _keys.SPLICED: counts.copy()})
    adata.obs[_keys.DONOR_ID] = np.repeat(["a", "b"], 30)
    made = null_data.shuffled_unspliced(adata, NullColumns(), 0)
    assert np.array_equal(made.layers[_keys.SPLICED], counts)
    for donor in (slice(0, 30), slice(30, 60)):
        assert np.array_equal(np.sort(made.layers[_keys.UNSPLICED][donor], axis=0), np.sort(counts[donor], axis=0))
    assert np.array_equal(adata.layers[_keys.UNSPLICED], counts)
    del adata.layers[_keys.UNSPLICED]
    with pytest.raises(MissingKeyError, match="unspliced"):
        null_data.shuffled_unspliced(adata, NullColumns(), 0)
