"""Molecules behind the genes seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2plastic.models.library_complexity import molecules_behind


@pytest.mark.parametrize(("seen", "genes", "low", "high"), [(1300, 16_670, 1500, 4000), (8000, 16_670, 4e4, 1.2e5)])
def test_molecules_behind_the_genes_seen(seen, genes, low, high) -> None:
    # 3,000 and 100,000 molecules show about 1,300 and 8,000-9,000 genes
    assert low < molecules_behind(np.array([seen]), genes)[0] < high


@given(st.integers(1, 30_000))
def test_molecules_rise_with_the_genes_seen(genes) -> None:
    seen = np.unique(np.linspace(0, genes, 40).astype(int))
    molecules = molecules_behind(seen, genes)

    assert molecules[0] == 0 and (np.diff(molecules) >= 0).all()
    assert np.isfinite(molecules).all()
