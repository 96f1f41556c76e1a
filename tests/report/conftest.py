"""Reports over small simulated cohorts whose donors carry any name, and a browser to see them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from tests.browsing import browser

from her2plastic import _keys, pp, tl
from her2plastic.datasets import simulate_cohort
from her2plastic.report import draw
from her2plastic.run.patients import patient_table

__all__ = ["browser"]

HOSTILE = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=1</script>",
)


@cache
def annotated_cells(donors: tuple[str, ...], n_ctc: int, any_ctc: bool, controls: int) -> AnnData:
    """Return cells of two draws per donor after every step; the map is made up, for it takes long."""
    adata = simulate_cohort(
        n_donors=len(donors), draws=(0, 21), n_ctc=n_ctc, amplified=[0], controls=controls, seed=3
    )  # fmt: skip
    names = dict(zip(adata.obs[_keys.DONOR_ID].cat.categories, donors, strict=False))
    days = adata.obs[_keys.DRAW_DAY].map(str)
    adata.obs[_keys.DONOR_ID] = adata.obs[_keys.DONOR_ID].astype(str).replace(names).astype("category")
    adata.obs[_keys.SAMPLE_ID] = (adata.obs[_keys.DONOR_ID].astype(str) + " day " + days).astype("category")
    adata.obs_names = [f"{sample}:{k}" for k, sample in enumerate(adata.obs[_keys.SAMPLE_ID])]
    pp.quality(adata, doublets="off")
    pp.ctc_identity(adata)
    if not any_ctc:
        adata.obs[_keys.IS_CTC] = False
    tl.amplicon(adata)
    tl.her2_state(adata)
    tl.programmes(adata)
    adata.obsm["X_umap"] = np.random.default_rng(0).normal(size=(adata.n_obs, 2))
    return adata


@cache
def patients_of(donors: tuple[str, ...], n_ctc: int, any_ctc: bool, controls: int) -> pd.DataFrame:
    adata = annotated_cells(donors, n_ctc, any_ctc, controls)
    obs: Any = adata.obs
    columns = [_keys.DONOR_ID, _keys.DRAW_DAY, *([_keys.LABEL] if controls else [])]
    return patient_table(adata, obs[columns], level=0.9)


def origin_of(notes: Sequence[str]) -> dict[str, Any]:
    return {
        "versions": {"python": "3.13", "her2plastic": "0.1.0"},
        "seed": 0,
        "config": {
            "title": "HER2 states of circulating tumour cells",
            "her2": {"interval": 0.9},
            "figures": {"formats": ["png"], "dpi": 60},
        },
        "inputs": [{"role": "sample", "name": "a/matrix.mtx.gz", "bytes": 12345, "sha256": "0" * 64}],
        "steps": [{"step": "her2_state", "parameters": {"level": 0.8, "donor_key": "donor_id"}}],
        "notes": list(notes),
    }


@pytest.fixture(scope="session")
def hostile_names() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture(scope="session")
def annotated() -> Callable[..., tuple[AnnData, pd.DataFrame]]:
    """What gives cells of donors after every step, with their patient table."""
    return lambda *which: (annotated_cells(*which), patients_of(*which))


@pytest.fixture(scope="session")
def origin() -> Callable[[Sequence[str]], dict[str, Any]]:
    """What gives the origin of a report with these notes."""
    return origin_of


@pytest.fixture(scope="session")
def draw_report() -> Callable[..., dict[str, bytes]]:
    """What draws a report over cells of the donors that it is given."""

    def draw_report(
        donors: Sequence[str] = ("P01", "P02", "P03"),
        *,
        notes: Sequence[str] = (),
        n_ctc: int = 15,
        any_ctc: bool = True,
        controls: int = 0,
    ) -> dict[str, bytes]:
        which = (tuple(donors), n_ctc, any_ctc, controls)
        adata = annotated_cells(*which)
        return draw(
            adata, patients=patients_of(*which), comparison=tl.compare_programmes(adata), origin=origin_of(notes)
        )

    return draw_report
