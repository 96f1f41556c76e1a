from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from her2plastic import _keys, datasets
from her2plastic.datasets import Contamination, Kinetics
from her2plastic.datasets.kinetics import relax, resting_share

# anndata types obs and X as unions of all their backings
simulate_cohort: Any = datasets.simulate_cohort

UP = ((0.0, 0.9, 0.0), (0.0, 0.0, 0.9), (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def twins():
    said = {"n_donors": 6, "draws": (0, 21), "n_ctc": 120, "seed": 11, "kinetics": Kinetics(ambiguous=0.05)}
    return simulate_cohort(**said), simulate_cohort(**said, switching=False)


@given(
    fold=st.floats(0.1, 10),
    gamma=st.floats(0.01, 2),
    beta=st.floats(0.01, 2),
    hours=st.floats(0, 100),
)
def test_relaxation_solves_the_equations(fold, gamma, beta, hours):
    share = resting_share(np.array(gamma), beta)
    alpha = fold * beta * share

    def change(_, amounts):
        return [alpha - beta * amounts[0], beta * amounts[0] - gamma * amounts[1]]

    exact = solve_ivp(change, (0, max(hours, 1e-6)), [float(share), 1 - float(share)], rtol=1e-8, atol=1e-10).y[:, -1]
    unspliced, spliced = relax(np.array(fold), np.array(gamma), beta, np.array(hours))
    assert (float(unspliced), float(spliced)) == pytest.approx(tuple(exact), rel=1e-4, abs=1e-6)


def test_equal_rates_and_long_times_are_no_special_case():
    near, equal = (relax(np.array(4.0), np.array(gamma), 0.6, np.array(5.0)) for gamma in (0.6 + 1e-7, 0.6))
    assert near == pytest.approx(equal, rel=1e-5)
    unspliced, spliced = relax(np.array(4.0), np.array(0.1), 0.6, np.array(1e6))
    assert unspliced + spliced == pytest.approx(4.0)


def test_layers_sum_to_counts(twins):
    moving, _ = twins
    total = sum(moving.layers[name] for name in (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS))
    assert abs(total - moving.X).max() == 0
    assert moving.layers[_keys.SPLICED].data.min() > 0
    ambiguous = moving.layers[_keys.AMBIGUOUS].sum()
    assert ambiguous / (ambiguous + moving.layers[_keys.SPLICED].sum()) == pytest.approx(0.05, abs=0.002)


def test_unspliced_share(twins):
    for adata in twins:
        assert adata.layers[_keys.UNSPLICED].sum() / adata.X.sum() == pytest.approx(0.16, abs=0.015)
        mitochondrial = adata.var_names.str.startswith("MT-")
        assert adata.layers[_keys.UNSPLICED][:, mitochondrial].nnz == 0


def test_gamma_is_log_normal(twins):
    gamma = twins[0].var[_keys.TRUE_GAMMA]
    assert np.median(gamma) == pytest.approx(np.log(2) / 6, rel=0.07)
    assert np.log(gamma).std() == pytest.approx(0.6, abs=0.04)


def test_static_twin_has_the_same_cells_and_none_in_transit(twins):
    moving, static = twins
    assert static.obs[_keys.TRUE_NEXT].isna().all() and static.obs[_keys.TIME_SINCE_SWITCH].isna().all()
    same = [name for name in moving.obs if name not in (_keys.TRUE_NEXT, _keys.TIME_SINCE_SWITCH, _keys.TRUE_ERBB2_CPM)]
    assert moving.obs[same].equals(static.obs[same])
    rests = moving.obs[_keys.TRUE_NEXT].isna().to_numpy()
    column = moving.var_names.get_loc("ERBB2")
    assert (moving[rests].obs[_keys.TRUE_ERBB2_CPM] == static[rests].obs[_keys.TRUE_ERBB2_CPM]).all()
    assert abs(moving[rests].X[:, column] - static[rests].X[:, column]).max() <= 3  # only the ambient may differ
    rates = moving.uns["her2plastic"]["simulate_cohort"]
    twin = static.uns["her2plastic"]["simulate_cohort"]
    assert (rates["ctc_counts"] == twin["ctc_counts"]).all()
    assert rates["params"]["switching"] and not twin["params"]["switching"]


def test_static_twin_is_at_steady_state(twins):
    _, static = twins
    unspliced = np.asarray(static.layers[_keys.UNSPLICED].sum(axis=0)).ravel()
    counts = np.asarray(static.X.sum(axis=0)).ravel()
    share = resting_share(static.var[_keys.TRUE_GAMMA].to_numpy(), 0.6)
    known = (counts > 100) & ~static.var_names.str.startswith("MT-")
    z = (unspliced - share * counts)[known] / np.sqrt(share * (1 - share) * counts)[known]
    assert abs(z.mean()) < 4 / np.sqrt(known.sum())
    assert z.std() == pytest.approx(1, abs=0.1)


def test_cells_in_transit_are_as_many_as_the_rates_say(twins):
    obs = twins[0].obs
    ctc = obs[_keys.TRUE_STATE].notna() & (obs[_keys.TRUE_MECHANISM] == "not amplified")
    amplified = twins[0].uns["her2plastic"]["simulate_cohort"]["donor_amplified"]
    assert amplified.sum() == 1
    leaves = {"HER2-0": 0.042, "HER2-low": 0.06, "HER2-positive": 0.052}
    expected = sum(
        1 - np.exp(-leaves[state]) for state in obs.loc[ctc, _keys.TRUE_STATE]
    )  # a little too many: the amplified donor's cells do not move to positive
    seen = obs[_keys.TRUE_NEXT].notna().sum()
    assert seen == pytest.approx(expected, abs=4 * np.sqrt(expected))
    moving = obs[obs[_keys.TRUE_NEXT].notna()]
    assert (moving[_keys.TRUE_NEXT].astype(str) != moving[_keys.TRUE_STATE].astype(str)).all()
    assert moving[_keys.TIME_SINCE_SWITCH].between(0, 24).all()
    assert obs.loc[obs[_keys.TRUE_NEXT].isna(), _keys.TIME_SINCE_SWITCH].isna().all()


def test_amplification_is_neither_gained_nor_lost_on_the_way():
    adata = simulate_cohort(n_donors=4, draws=(0,), n_ctc=200, amplified=1.0, kinetics=Kinetics(rates=UP), seed=2)
    moving = adata.obs[adata.obs[_keys.TRUE_NEXT].notna()]
    assert len(moving) > 50
    assert set(moving[_keys.TRUE_NEXT]) == {"HER2-low"}
    assert (moving[_keys.TRUE_MECHANISM] == "not amplified").all()


def test_switching_cells_run_ahead_in_unspliced_then_in_spliced_erbb2():
    adata = simulate_cohort(
        n_donors=40, draws=(0,), n_ctc=150, amplified=0, platform="smart-seq2", n_genes=900, seed=6,
        kinetics=Kinetics(rates=UP), contamination=Contamination.none(),
    )  # fmt: skip
    obs = adata.obs
    hours = obs[_keys.TIME_SINCE_SWITCH].to_numpy()
    low = (obs[_keys.TRUE_STATE] == "HER2-low").to_numpy()
    groups = {"resting": low & np.isnan(hours), "early": low & (hours < 4), "late": low & (hours > 20)}
    assert min(group.sum() for group in groups.values()) > 100
    column = adata.var_names.get_loc("ERBB2")
    amount = {
        name: [adata.layers[layer][group][:, column].sum() for layer in (_keys.UNSPLICED, _keys.SPLICED)]
        for name, group in groups.items()
    }
    share = {name: unspliced / (unspliced + spliced) for name, (unspliced, spliced) in amount.items()}
    assert share["early"] > 1.3 * share["resting"]
    level = {name: obs.loc[group, _keys.TRUE_ERBB2_CPM].median() for name, group in groups.items()}
    assert level["late"] > 2.5 * level["resting"] and level["late"] > level["early"]


def test_erbb2_can_go_to_the_level_of_the_next_state():
    fold = {}
    for erbb2_fold in (0, 4.0):
        kinetics = Kinetics(rates=UP, erbb2_fold=erbb2_fold, transit_hours=2000.0)
        said = {"n_donors": 4, "draws": (0,), "n_ctc": 50, "amplified": 0, "n_genes": 900, "seed": 3}
        adata = simulate_cohort(**said, kinetics=kinetics)
        static = simulate_cohort(**said, kinetics=kinetics, switching=False)
        arrived = (adata.obs[_keys.TIME_SINCE_SWITCH] > 500) & (adata.obs[_keys.TRUE_STATE] == "HER2-low")
        assert arrived.sum() > 10
        ratio = adata.obs.loc[arrived, _keys.TRUE_ERBB2_CPM] / static.obs.loc[arrived, _keys.TRUE_ERBB2_CPM]
        fold[erbb2_fold] = ratio.to_numpy()
    assert fold[0] == pytest.approx(np.full(len(fold[0]), 120 / 35), rel=1e-3)
    assert fold[4.0] == pytest.approx(np.full(len(fold[4.0]), 4.0), rel=1e-3)


def test_programmes_move_along():
    said = {
        "n_donors": 4, "draws": (0,), "n_ctc": 60, "amplified": 0, "n_genes": 900, "seed": 3, "expected": True,
        "contamination": Contamination.none(), "kinetics": Kinetics(rates=UP, transit_hours=2000.0),
    }  # fmt: skip
    adata, static = simulate_cohort(**said), simulate_cohort(**said, switching=False)
    arrived = (adata.obs[_keys.TIME_SINCE_SWITCH] > 1000) & (adata.obs[_keys.TRUE_STATE] == "HER2-low")
    assert arrived.sum() > 10
    for name, size in (("proliferation", 0.6), ("notch", -0.6)):
        genes = (adata.var[_keys.TRUE_PROGRAMME] == name).to_numpy()
        moved = np.log2(
            adata.layers[_keys.EXPECTED_CPM][arrived][:, genes] / static.layers[_keys.EXPECTED_CPM][arrived][:, genes]
        )
        assert moved == pytest.approx(np.full(moved.shape, size), abs=0.03)
