from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from her2plastic.io.recover import recover_counts
from her2plastic.io.scales import LogScale

LOG2, LN = LogScale(2.0), LogScale(float(np.e))


def smart_seq_counts(rng, n_cells=4, n_genes=400):
    """Return read counts with many zeros, many ones and a long tail."""
    rate = rng.lognormal(0.5, 2.5, n_genes) * rng.lognormal(0, 0.5, (n_cells, 1))
    counts = rng.poisson(rate) * (rng.random((n_cells, n_genes)) < 0.6)
    counts[:, 0] = 1
    return counts


def normalised(counts, rng):
    """Return counts divided by a random size factor a cell."""
    return counts / rng.lognormal(0, 0.8, (len(counts), 1))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([LOG2, LN]), st.sampled_from([3, 4, 6, None]))
def test_recovers_size_factor_normalised_counts(seed, scale, decimals):
    rng = np.random.default_rng(seed)
    counts = smart_seq_counts(rng)
    logged = scale.logarithm(normalised(counts, rng))
    got = recover_counts(logged if decimals is None else logged.round(decimals), scale=scale)
    assert got, got.reason
    # A large count is known to the relative precision of its stored logarithm.
    half = 0 if decimals is None else 0.5 * 10.0**-decimals * np.log(scale.base)
    allowed = np.floor(3 * half * (counts + counts.max(axis=1, keepdims=True) ** 0.5 + 2))
    assert np.all(np.abs(got.counts.toarray() - counts) <= allowed)
    exact = allowed == 0
    np.testing.assert_array_equal(got.counts.toarray()[exact], counts[exact])
    assert exact.mean() > 0.9


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([LOG2, LN, None]), st.sampled_from([1, 2, 3, 4, 6, None]), st.booleans()
)
def test_never_fires_on_tpm_or_fpkm(seed, scale, decimals, before):
    """Lengths destroy the common step, rounded before or after the logarithm or not at all."""
    rng = np.random.default_rng(seed)
    x = smart_seq_counts(rng) / rng.lognormal(0.7, 0.7, 400)
    x = x / x.sum(axis=1, keepdims=True) * 1e6
    if decimals is not None and (before or scale is None):
        x = x.round(decimals)
    logged = x if scale is None else scale.logarithm(x)
    if decimals is not None and not before:
        logged = logged.round(decimals)
    assert not recover_counts(logged, scale=scale)


def test_never_takes_the_last_decimal_for_a_count():
    rng = np.random.default_rng(3)
    x = rng.lognormal(0, 2, (5, 800)).round(2)
    x[:, 0] = 0.01
    got = recover_counts(np.log2(x + 1), scale=LOG2)
    assert not got
    assert "last decimal" in got.reason


def test_float32_log1p_as_scanpy_stores_it():
    rng = np.random.default_rng(4)
    counts = csr_matrix(rng.poisson(0.3, (50, 600)))
    x = counts.astype(np.float32)
    totals = np.asarray(x.sum(axis=1)).ravel()
    x.data = np.log1p(x.data * np.repeat((1e4 / totals).astype(np.float32), np.diff(x.indptr)))
    got = recover_counts(x, scale=LN)
    assert got, got.reason
    np.testing.assert_array_equal(got.counts.toarray(), counts.toarray())


def test_a_cell_whose_smallest_count_is_two():
    rng = np.random.default_rng(5)
    counts = smart_seq_counts(rng)
    counts[1][counts[1] == 1] = 0
    counts[1, :2] = (2, 3)
    got = recover_counts(np.log2(normalised(counts, rng) + 1), scale=LOG2)
    np.testing.assert_array_equal(got.counts.toarray(), counts)
    assert got.details["cells_with_smallest_count_above_1"] == 1


def test_a_cell_with_few_values_only_has_to_fit():
    rng = np.random.default_rng(6)
    counts = smart_seq_counts(rng)
    counts[2] = 0
    counts[2, 5] = 1
    counts[3] = 0
    got = recover_counts(np.log2(normalised(counts, rng) + 1).round(4), scale=LOG2)
    assert got, got.reason
    assert got.details["cells_fitting_only"] == 1
    assert got.counts[3].nnz == 0


@pytest.mark.parametrize("x", [[[0.0, 0.0]], [[0.3, 0.0], [0.7, 0.0]], [[0.31, 0.62]]])
def test_too_little_to_tell(x):
    assert not recover_counts(np.log2(np.array(x) + 1).round(2), scale=LOG2)


def test_one_cell_with_other_factors_for_some_genes_refuses_all():
    rng = np.random.default_rng(8)
    x = normalised(smart_seq_counts(rng), rng)
    x[3, 200:] *= 1.37
    got = recover_counts(np.log2(x + 1).round(4), scale=LOG2)
    assert not got
    assert "cell 4" in got.reason


def test_cpm_is_recovered_unless_rounding_hides_the_step():
    rng = np.random.default_rng(9)
    counts = smart_seq_counts(rng)
    cpm = counts / counts.sum(axis=1, keepdims=True) * 1e6
    np.testing.assert_array_equal(recover_counts(cpm, scale=None).counts.toarray(), counts)
    np.testing.assert_array_equal(recover_counts(cpm.round(2), scale=None).counts.toarray(), counts)
    deep = counts * 1000 + rng.integers(0, 1000, counts.shape) * (counts > 0)
    assert not recover_counts((deep / deep.sum(axis=1, keepdims=True) * 1e6).round(0), scale=None)


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(10)
    counts = smart_seq_counts(rng, n_cells=9)
    logged = np.log2(normalised(counts, rng) + 1)
    monkeypatch.setattr("her2plastic.io.recover._BLOCK_VALUES", 300)
    np.testing.assert_array_equal(recover_counts(logged, scale=LOG2).counts.toarray(), counts)


def test_another_offset():
    rng = np.random.default_rng(11)
    counts = smart_seq_counts(rng)
    scale = LogScale(2.0, 0.1)
    got = recover_counts(scale.logarithm(normalised(counts, rng)), scale=scale)
    np.testing.assert_array_equal(got.counts.toarray(), counts)
