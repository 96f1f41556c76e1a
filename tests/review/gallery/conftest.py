"""A table of cells as a slide gives it, with calls, and thumbnails that need no slide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys

CALLS = ("HER2-0", "HER2-low", "HER2-positive", "HER2-0/low", _keys.NOT_A_CTC)


def slide_cells(n: int = 60, *, seed: int = 0) -> AnnData:
    """Return cells of two patients with two features, a call, a posterior and places."""
    rng = np.random.default_rng(seed)
    call = rng.choice(CALLS, n)
    draw = np.array(["D01-d0", "D02-d0"])[rng.integers(0, 2, n)]
    obs = pd.DataFrame(
        {
            _keys.CELL_ID: [f"{where}:{number}" for number, where in enumerate(draw)],
            _keys.SLIDE_ID: pd.Categorical(draw),
            _keys.DONOR_ID: pd.Categorical([where[:3] for where in draw]),
            _keys.KIND: pd.Categorical(np.where(rng.random(n) < 0.9, "cell", "debris")),
            _keys.TOUCHES_EDGE: rng.random(n) < 0.1,
            _keys.HER2_INTENSITY: rng.gamma(2, 3, n),
            _keys.HER2_IF_CALL: pd.Categorical(call, categories=_keys.CALLS),
            "note": [f"free text {number}" for number in range(n)],
        },
        index=[f"row {number}" for number in range(n)],
    )
    features = np.column_stack([rng.normal(0, 20, n), rng.gamma(1.5, 300, n), rng.gamma(30, 4, n)])
    var = pd.DataFrame(
        {_keys.FEATURE_UNIT: ["intensity", "intensity", "um2"]},
        index=["CK_cell_mean", "HER2_cell_mean", "cell_area_um2"],
    )
    adata = AnnData(X=features.astype(np.float32), obs=obs, var=var)
    adata.obsm[_keys.SPATIAL] = rng.random((n, 2))
    posterior = rng.dirichlet(np.ones(3), n)
    adata.obsm[_keys.HER2_IF_POSTERIOR] = pd.DataFrame(posterior, columns=list(_keys.STATES), index=obs.index)
    return adata


class PlainThumbnails:
    """Grey squares: cell i has the brightness i modulo 256; they are ready from the start, or one by one."""

    def __init__(self, n: int, *, side: int = 16, ready: bool = True) -> None:
        self.side = side
        self.page_of, place = np.divmod(np.arange(n), 64)
        self.y_of, self.x_of = np.divmod(place, 8)
        self.y_of, self.x_of = self.y_of * side, self.x_of * side
        self.pages = [np.full((8 * side, 8 * side, 4), 255, dtype=np.uint8) for _ in range(-(-n // 64))]
        for cell in range(n):
            y, x = self.y_of[cell], self.x_of[cell]
            self.pages[self.page_of[cell]][y : y + side, x : x + side, :3] = cell % 256
        self.ready = np.full(n, ready)
        self.missing: dict[int, str] = {}
        self.painted = n if ready else 0
        self.wanted: list[list[int]] = []
        self.closed = False

    def start(self) -> None:
        """Nothing has to be begun."""

    def want(self, indices: object) -> None:
        """Note what was asked for."""
        self.wanted.append(list(indices))  # type: ignore[call-overload]

    def close(self) -> None:
        """Note the end."""
        self.closed = True


@pytest.fixture
def cells() -> AnnData:
    return slide_cells()


@pytest.fixture
def plain_thumbnails() -> Callable[..., PlainThumbnails]:
    return PlainThumbnails
