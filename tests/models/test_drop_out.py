from __future__ import annotations

import numpy as np
import pytest

from her2plastic.models.drop_out import uniform_drop_out


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_the_rate_is_read_off_the_steadily_seen_genes(rate: float) -> None:
    rng = np.random.default_rng(0)
    mean = rng.lognormal(4, 2, 3000)
    lost = rng.random((400, 3000)) < rate
    counts = np.where(lost, 0, rng.poisson(mean, (400, 3000)))
    found = uniform_drop_out(counts.mean(axis=0), (counts == 0).mean(axis=0))
    assert found == pytest.approx(rate, abs=0.04)


def test_genes_of_some_cells_only_do_not_raise_it() -> None:
    mean = np.full(300, 500.0)
    absent = np.r_[np.full(100, 0.01), np.full(200, 0.6)]
    assert uniform_drop_out(mean, absent) == pytest.approx(0.01)


def test_too_few_genes_say_nothing() -> None:
    assert uniform_drop_out(np.full(19, 500.0), np.zeros(19)) is None
    assert uniform_drop_out(np.full(500, 20.0), np.zeros(500)) is None
