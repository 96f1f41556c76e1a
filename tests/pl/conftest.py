from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest

from her2plastic import _keys, datasets, tl

matplotlib.use("Agg")


def _called(**cohort: Any) -> Any:
    """A small cohort with identities, mechanisms, HER2 states and a made-up map."""
    adata = datasets.simulate_cohort(draws=(0, 21), n_ctc=12, amplified=[1], seed=3, **cohort)
    adata.obs[_keys.IDENTITY] = adata.obs[_keys.TRUE_IDENTITY].cat.set_categories(list(_keys.IDENTITIES))
    adata.obs[_keys.IS_CTC] = adata.obs[_keys.IDENTITY].isin(_keys.CTC_IDENTITIES)
    tl.amplicon(adata)
    tl.her2_state(adata)
    adata.obsm[_keys.UMAP] = np.random.default_rng(0).normal(size=(adata.n_obs, 2)).astype(np.float32)
    return adata


@pytest.fixture(scope="session")
def called() -> Any:
    return _called(n_donors=4)


@pytest.fixture(scope="session")
def with_controls() -> Any:
    """The same of three donors, with six control cells of each state beside them."""
    return _called(n_donors=3, controls=6)


@pytest.fixture
def cells(called) -> Any:
    return called.copy()


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")
