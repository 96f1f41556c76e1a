from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic import datasets
from her2plastic._errors import ParameterError
from her2plastic.datasets import (
    Composition,
    Contamination,
    ERBB2Model,
    Kinetics,
    Library,
    Programmes,
)

# anndata types obs and X as unions of all their backings
simulate_cohort: Any = datasets.simulate_cohort

NOT_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, None, "1", True, [1.0]])
NEGATIVE = st.floats(max_value=-1e-6, allow_nan=False)
ABOVE_ONE = st.floats(min_value=1.0001, allow_nan=False)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (Composition, "slowdown"), (Composition, "rate_sd"), (Composition, "overdispersion"),
        (Composition, "ctc_median"),
        (ERBB2Model, "cell_sd"), (ERBB2Model, "amplified_cell_sd"), (ERBB2Model, "donor_sd"),
        (ERBB2Model, "amplicon_fold"),
        (Programmes, "cell_sd"), (Programmes, "donor_gene_sd"), (Programmes, "er_positive"), (Programmes, "er_fold"),
        (Contamination, "leukocytes"), (Contamination, "doublets"), (Contamination, "platelet_cloak"),
        (Contamination, "ambient"), (Contamination, "low_quality"), (Contamination, "low_quality_depth"),
        (Contamination, "low_quality_mito"), (Contamination, "others"),
        (Library, "median"), (Library, "sd_log"), (Library, "dispersion"), (Library, "zero_inflation"),
        (Library, "leukocyte_depth"), (Library, "doublet_depth"),
        (Kinetics, "beta"), (Kinetics, "gamma_median"), (Kinetics, "gamma_sd_log"), (Kinetics, "erbb2_fold"),
        (Kinetics, "transit_hours"), (Kinetics, "ambiguous"),
    ],
)  # fmt: skip
@given(value=NOT_NUMBERS | NEGATIVE)
def test_numbers_out_of_range_are_refused_by_name(group, name, value):
    with pytest.raises(ParameterError, match=name):
        group(**{name: value})


@pytest.mark.parametrize(
    ("group", "name"),
    [(Contamination, "leukocytes"), (Contamination, "doublets"), (Contamination, "platelet_cloak"),
     (Contamination, "low_quality"), (Library, "zero_inflation"), (Composition, "overdispersion"),
     (Programmes, "er_positive"), (Kinetics, "ambiguous")],
)  # fmt: skip
@given(value=ABOVE_ONE)
def test_shares_are_at_most_one(group, name, value):
    with pytest.raises(ParameterError, match=name):
        group(**{name: value})


@given(value=st.lists(st.floats(allow_nan=True), max_size=5).map(tuple).filter(lambda items: len(items) != 3))
def test_rates_are_three_by_three(value):
    for group in (Composition, Kinetics):
        with pytest.raises(ParameterError, match="rates"):
            group(rates=value)
        with pytest.raises(ParameterError, match="rates"):
            group(rates=(value, value, value))


@pytest.mark.parametrize(
    ("group", "arguments", "message"),
    [
        (ERBB2Model, {"medians": (35.0, 20.0, 120.0, 800.0)}, "have to rise"),
        (ERBB2Model, {"medians": (20.0, 35.0, 120.0)}, "4 numbers"),
        (Composition, {"prior": (1.0, 1.0)}, "3 numbers"),
        (Composition, {"prior": (1.0, 1.0, 0.0)}, r"prior\[2\]"),
        (Composition, {"ctc_range": (10, 5)}, "smallest, largest"),
        (Composition, {"ctc_range": (1.5, 5)}, "whole number"),
        (Contamination, {"leukocytes": 0.6, "others": 0.5}, "leukocytes \\+ others"),
        (Contamination, {"doublets": 0.6, "platelet_cloak": 0.6}, "doublets \\+ platelet_cloak"),
        (Contamination, {"platelet_share": (0.2, 0.1)}, "smallest, largest"),
        (Contamination, {"leukocyte_kinds": {"neuron": 1.0}}, "t_cell"),
        (Contamination, {"leukocyte_kinds": {"t_cell": 0.0}}, "above 0"),
        (Programmes, {"notch": (0.6, 0.0)}, "notch"),
    ],
)
def test_faulty_groups_say_what_is_wrong(group, arguments, message):
    with pytest.raises(ParameterError, match=message):
        group(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_donors": 0}, "n_donors"), ({"n_donors": 2.5}, "n_donors"), ({"n_donors": True}, "n_donors"),
        ({"draws": ()}, "draws"), ({"draws": (21, 0)}, "rise"), ({"draws": (0, 0)}, "rise"),
        ({"draws": (-1, 5)}, "draws"),
        ({"draws": 5}, "draws"), ({"draws": (0, math.nan)}, "draws"),
        ({"platform": "visium"}, "smart-seq2-reads"), ({"assay": "visium"}, "drop-seq"),
        ({"seed": -1}, "seed"), ({"seed": 1.0}, "seed"), ({"seed": None}, "seed"),
        ({"n_ctc": -1}, "n_ctc"), ({"n_ctc": 2.5}, "n_ctc"), ({"n_ctc": [[1, 2]]}, "12 donors x 4 draws"),
        ({"n_ctc": [[-1] * 4] * 12}, "below 0"), ({"n_ctc": [[0.5] * 4] * 12}, "float64"),
        ({"n_ctc": [[1], [1, 2]]}, "n_ctc"), ({"n_ctc": []}, "n_ctc"), ({"n_ctc": [1, 2]}, "n_ctc"),
        ({"n_ctc": "7"}, "n_ctc"),
        ({"erbb2": 20}, "ERBB2Model"), ({"library": "10x"}, "Library"), ({"kinetics": "yes"}, "Kinetics"),
        ({"amplified": 1.5}, "amplified"), ({"amplified": [12]}, "donor 12"), ({"amplified": [-1]}, "amplified"),
        ({"amplified": math.nan}, "amplified"),
        ({"mesenchymal": 2}, "mesenchymal"), ({"controls": -1}, "controls"),
        ({"control_batches": 0}, "control_batches"),
        ({"control_amplified": 1.1}, "control_amplified"),
        ({"n_genes": 100}, "at least 818"), ({"n_genes": 2000.0}, "n_genes"), ({"gene_seed": -5}, "gene_seed"),
    ],
)  # fmt: skip
def test_faulty_arguments_say_what_is_wrong(arguments, message):
    with pytest.raises(ParameterError, match=message):
        simulate_cohort(**arguments)


@settings(max_examples=40)
@given(
    n_donors=st.integers(1, 3),
    days=st.lists(st.integers(0, 400), min_size=1, max_size=3, unique=True).map(sorted),
    n_ctc=st.integers(0, 4),
    leukocytes=st.floats(0, 0.6),
    rho=st.sampled_from([0.0, 1e-6, 0.03, 0.95]),
    kinetics=st.booleans(),
    seed=st.integers(0, 2**63),
)
def test_any_sound_arguments_give_a_sound_cohort(n_donors, days, n_ctc, leukocytes, rho, kinetics, seed):
    adata = simulate_cohort(
        n_donors=n_donors, draws=days, n_ctc=n_ctc, seed=seed, n_genes=818, kinetics=kinetics,
        contamination=Contamination(leukocytes=leukocytes), composition=Composition(overdispersion=rho),
    )  # fmt: skip
    assert (adata.obs["true_state"].notna()).sum() == n_donors * len(days) * n_ctc
    assert adata.obs_names.is_unique
    assert adata.X.nnz == 0 or adata.X.data.min() >= 1
    assert adata.obs["true_erbb2_cpm"].between(0, 5e4).all()
