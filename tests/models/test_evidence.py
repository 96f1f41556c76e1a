"""Count evidence of gene panels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import gammaln

from her2plastic.models.evidence import (
    OWN,
    PANEL_MODELS,
    PRIOR,
    IdentityModel,
    PanelEvidence,
    PanelModel,
)

PANEL = PanelModel(typical_cpm=300, silent=0.2)


def _evidence(counts: list[list[float]], molecules: float = 5000.0) -> PanelEvidence:
    matrix = sparse.csr_matrix(np.array(counts, dtype=float))
    return PanelEvidence(PANEL, matrix, np.full(matrix.shape[0], molecules), np.zeros(matrix.shape[0]))


def _gain(counts: list[list[float]], molecules: float = 5000.0) -> np.ndarray:
    evidence = _evidence(counts, molecules)
    return evidence.at(OWN) - evidence.background()


def test_nothing_seen_speaks_against_a_panel_the_more_the_deeper_the_cell() -> None:
    gains = np.array([_gain([[0] * 10], depth)[0] for depth in (10, 1000, 10_000, 1_000_000)])

    assert (np.diff(gains) < 0).all()
    assert abs(gains[0]) < 0.1


def test_more_distinct_genes_are_more_evidence_than_more_of_one() -> None:
    many, one = _gain([[2, 2, 2, 2, 2, 0, 0, 0, 0, 0], [10, 0, 0, 0, 0, 0, 0, 0, 0, 0]])

    assert many > one + 5


def test_one_gene_is_explained_by_one_gene() -> None:
    single = _evidence([[500, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    several = _evidence([[50, 40, 60, 0, 80, 30, 0, 20, 50, 60]])

    assert single.one_gene(OWN)[0] > single.at(OWN)[0]
    assert several.one_gene(OWN)[0] < several.at(OWN)[0] - 20


def test_evidence_is_additive_over_cells_in_any_order() -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(0.8, (40, 12)).tolist()
    order = rng.permutation(40)

    np.testing.assert_allclose(_gain([counts[i] for i in order]), _gain(counts)[order])


def test_panel_without_genes_says_nothing() -> None:
    evidence = PanelEvidence(PANEL, sparse.csr_matrix((3, 0)), np.full(3, 5000.0), np.zeros(3))

    for value in (evidence.background(), evidence.at(OWN), evidence.ambient(), evidence.one_gene(OWN)):
        np.testing.assert_allclose(value, 0, atol=1e-12)


@given(st.lists(st.floats(0, 1e7), min_size=5, max_size=5), st.floats(0, 1e8), st.floats(0, 1))
def test_any_count_and_depth_has_a_finite_likelihood(counts, molecules, foreign) -> None:
    evidence = PanelEvidence(PANEL, sparse.csr_matrix([counts]), np.array([molecules]), np.array([foreign]))

    for value in (evidence.background(), evidence.at(OWN), evidence.ambient(), evidence.one_gene(OWN)):
        assert np.isfinite(value).all()


def test_likelihood_of_one_gene_sums_to_one() -> None:
    counts = np.arange(0, 17)  # whole numbers that the table holds exactly
    matrix = sparse.csr_matrix(counts[:, None].astype(float))
    evidence = PanelEvidence(PANEL, matrix, np.full(len(counts), 1000.0), np.zeros(len(counts)))
    # the table leaves out the negative binomial factor that every level shares
    dispersion = 0.2
    shared = gammaln(counts + 1 / dispersion) - gammaln(1 / dispersion) - gammaln(counts + 1.0)
    for value in (evidence.at(OWN), evidence.background()):
        assert np.exp(value + shared + counts * np.log(dispersion)).sum() == pytest.approx(1, abs=0.005)


def test_prior_rules_without_counts() -> None:
    nothing = {name: sparse.csr_matrix((2, 5)) for name in PANEL_MODELS}
    joint = IdentityModel().log_joint(nothing, np.zeros(2), np.ones(2))
    posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)

    np.testing.assert_allclose(posterior, [list(PRIOR.values())] * 2, atol=1e-3)
