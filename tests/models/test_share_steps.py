"""The compiled height of a draw's mixture is the sum of logarithms, however many bins and however unlikely."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from her2plastic.models import share_moves
from her2plastic.models.share_moves import GroupTarget


def height(target: GroupTarget, log_shares: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return what :meth:`GroupTarget.log_density` should, by its formula."""
    found = []
    for shares, node in zip(log_shares, nodes, strict=True):
        if not 0 <= node < len(target.base):
            found.append(-np.inf)
            continue
        with np.errstate(divide="ignore"):
            bins = logsumexp(np.log(target.like[node]) + shares, axis=1)
        found.append(target.base[node] + bins @ target.multiplicity + shares @ target.prior)
    return np.array(found)


@pytest.mark.parametrize("lowest", [5.0, 700.0])
@pytest.mark.parametrize("n_bins", [1, 40, 3000])
@pytest.mark.parametrize("cells", ["single", "some", "parts"])
def test_heights_are_those_of_the_formula(
    lowest: float, n_bins: int, cells: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(n_bins)
    multiplicity = {
        "single": np.ones(n_bins),
        "some": rng.integers(1, 9, n_bins),
        "parts": rng.uniform(0.01, 2, n_bins),
    }
    log_like = -rng.uniform(0, lowest, (4, n_bins, 5))
    target = GroupTarget.of(log_like, multiplicity[cells].astype(float), np.full(5, 0.5), np.zeros(4))
    log_shares, nodes = np.log(rng.dirichlet(np.full(5, 0.3), 20)), rng.integers(-1, 6, 20)
    expected = height(target, log_shares, nodes)
    np.testing.assert_allclose(target.log_density(log_shares, nodes), expected, rtol=1e-12)
    monkeypatch.setattr(share_moves, "_AT_ONCE", 0)  # single precision, one offset after the other
    np.testing.assert_allclose(target.log_density(log_shares, nodes), expected, rtol=1e-6)


def test_products_of_tiny_likelihoods_do_not_vanish() -> None:
    """A cell of a rare state and one of a rarer: the product of their likelihoods is no floating-point number."""
    target = GroupTarget(np.eye(3)[None, 1:], np.zeros(1), np.ones(2), np.ones(3))
    log_shares = np.array([[0.0, -200.0, -400.0], [0.0, -340.0, -390.0], [0.0, -340.0, -700.0]])
    found = target.log_density(log_shares, np.zeros(3, dtype=np.int64))
    np.testing.assert_allclose(found, 2 * log_shares.sum(axis=1), rtol=1e-12)
