from __future__ import annotations

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import ParameterError
from her2plastic.datasets import Composition, DrawTreatment, DropOut, simulate_draws

MISREAD = ((0.9, 0.1), (0.2, 0.8))


def test_default_is_the_golden_set_up():
    draws = simulate_draws(seed=3)
    assert draws.counts.shape == (20, 4, 2)
    assert np.array_equal(draws.days, (0, 21, 42, 63))
    assert draws.rates[0] == pytest.approx(np.array([[-0.012, 0.012], [0.020, -0.020]]))
    assert np.ptp(draws.rates, axis=0).max() == 0
    many = simulate_draws(n_patients=4000, seed=3)
    numbers = many.counts.sum(axis=2)
    assert np.median(numbers) == 7
    assert (numbers.min(), numbers.max()) == (1, 300)


def test_shares_follow_the_rates():
    draws = simulate_draws(rates=Composition().rates, rate_sd=0.4, seed=5)
    for patient in (0, 7):
        step = expm(draws.rates[patient] * 21)
        assert draws.shares[patient, 1:] == pytest.approx(draws.shares[patient, :-1] @ step)
    assert np.std(np.log(draws.rates[:, 0, 1])) == pytest.approx(0.4, abs=0.2)
    assert draws.states == _keys.STATES


def test_static_twin_shares_everything_but_the_moves():
    moving, static = (simulate_draws(seed=8, switching=switching) for switching in (True, False))
    assert np.array_equal(moving.counts[:, 0], static.counts[:, 0])
    assert np.array_equal(moving.counts.sum(axis=2), static.counts.sum(axis=2))
    assert np.ptp(static.shares, axis=1).max() < 1e-12
    assert np.ptp(moving.shares, axis=1).max() > 0.1


def test_treatment_changes_the_rates_from_its_day_on():
    treatment = DrawTreatment(factor=((1, 5), (1, 1)), day=30, share=0.5)
    draws = simulate_draws(treatment=treatment, seed=1)
    without = simulate_draws(seed=1)
    treated = np.isfinite(draws.treated_from)
    assert treated.sum() == 10
    assert np.array_equal(draws.shares[~treated], without.shares[~treated])
    assert np.array_equal(draws.shares[:, :2], without.shares[:, :2])
    rate = np.array([[-0.06, 0.06], [0.02, -0.02]])
    expected = without.shares[treated, 1] @ expm(without.rates[0] * 9) @ expm(rate * 12)
    assert draws.shares[treated, 2] == pytest.approx(expected)
    frame = draws.to_frame()
    assert frame.loc[frame["treated"], "day"].min() == 42


def test_drop_out_takes_those_whose_composition_has_moved():
    draws = simulate_draws(n_patients=3000, drop_out=DropOut(0.3, 6.0), seed=2)
    left = draws.seen[:, 0] & ~draws.seen[:, 1]
    positive = draws.shares[:, 0, 1]
    assert positive[left].mean() > positive[~left].mean() + 0.3
    assert (np.diff(draws.seen.astype(int), axis=1) <= 0).all()  # nobody comes back
    assert draws.counts[~draws.seen].sum() == 0
    assert len(draws.to_frame()) == draws.seen.sum()
    chance = simulate_draws(n_patients=3000, drop_out=DropOut(0.3), seed=2)
    assert chance.seen[:, 1].mean() == pytest.approx(0.7, abs=0.03)


def test_reads_follow_the_misreading():
    draws = simulate_draws(n_patients=200, n_ctc=100, misclassification=MISREAD, seed=4)
    shares = draws.reads.sum(axis=(0, 1)) / draws.reads.sum(axis=(0, 1, 3))[:, None]
    assert shares == pytest.approx(np.array(MISREAD), abs=0.01)
    exact = simulate_draws(seed=4)
    assert np.array_equal(exact.counts, exact.true_counts)


@pytest.mark.parametrize("accuracy", [0.7, 0.95, 1])
def test_cells_have_the_accuracy_asked_for(accuracy):
    draws = simulate_draws(rates=Composition().rates, n_ctc=200, seed=6)
    adata = draws.to_anndata(accuracy=accuracy)
    assert adata.n_obs == draws.counts.sum()
    right = (adata.obs[_keys.TRUE_STATE].astype(str) == adata.obs[_keys.HER2_STATE].astype(str)).mean()
    # the inner state is left on two sides, so that a cohort with many such cells is a little harder
    assert right == pytest.approx(accuracy, abs=0.02)
    posterior = adata.obsm[_keys.HER2_POSTERIOR]
    assert posterior.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert posterior.to_numpy().max(axis=1).mean() == pytest.approx(right, abs=0.03)


def test_cells_are_those_of_the_counts(tmp_path):
    draws = simulate_draws(misclassification=MISREAD, seed=7)
    adata = draws.to_anndata()
    table = adata.obs.groupby([_keys.DONOR_ID, _keys.DRAW_DAY, _keys.HER2_STATE], observed=False).size()
    counted = table.to_numpy().reshape(20, 4, 3)[..., [0, 2]]
    assert np.array_equal(counted, draws.counts)
    # under even odds a cell read as HER2-0 is HER2-0 by 0.9 to 0.2
    read = adata.obs[_keys.HER2_STATE] == _keys.STATES[0]
    assert adata.obsm[_keys.HER2_POSTERIOR].loc[read, _keys.STATES[0]].to_numpy() == pytest.approx(9 / 11)
    adata.write_h5ad(tmp_path / "draws.h5ad")
    record = step_record(anndata.read_h5ad(tmp_path / "draws.h5ad"), "simulate_draws")
    assert np.array_equal(record["composition"], draws.shares)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0, 0.5), st.booleans())
def test_same_seed_same_draws(seed, n_patients, rho, switching):
    said = {"seed": seed, "n_patients": n_patients, "overdispersion": rho, "switching": switching}
    first, again = simulate_draws(**said), simulate_draws(**said)
    assert np.array_equal(first.reads, again.reads)
    assert first.shares.sum(axis=2) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"rates": ((0, -1), (0, 0))}, "rates"),
        ({"rates": ((0,),)}, "rates"),
        ({"rates": np.array([[-1, 1], [-2, 2]])}, "rates"),
        ({"rates": ((0, np.nan), (0, 0))}, "rates"),
        ({"draws": (0, 0)}, "draws"),
        ({"misclassification": ((1, 1), (0, 1))}, "misclassification"),
        ({"misclassification": ((1, 0, 0), (0, 1, 0), (0, 0, 1))}, "misclassification"),
        ({"prior": (1, 1, 1)}, "prior"),
        ({"n_patients": 0}, "n_patients"),
        ({"seed": -1}, "seed"),
        ({"overdispersion": 1}, "overdispersion"),
        ({"ctc_range": (9, 1)}, "ctc_range"),
        ({"n_ctc": ((1, 2),)}, "n_ctc"),
    ],
)
def test_faulty_parameters_are_named(said, named):
    with pytest.raises(ParameterError, match=named):
        simulate_draws(**said)


@pytest.mark.parametrize(
    ("group", "said"),
    [(DrawTreatment, {"factor": -1}), (DropOut, {"probability": 1.0}), (DrawTreatment, {"day": -1})],
)
def test_faulty_groups_are_named(group, said):
    with pytest.raises(ParameterError, match=next(iter(said))):
        group(**said)


@pytest.mark.parametrize("accuracy", [0.5, 1.1, 0])
def test_accuracy_is_above_chance(accuracy):
    with pytest.raises(ParameterError, match="accuracy"):
        simulate_draws().to_anndata(accuracy=accuracy)
