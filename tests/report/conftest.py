"""A small cohort with every key that the report reads, made without the steps, so that names can be hostile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from her2plastic import _keys
from her2plastic.report import draw
from her2plastic.tl import ProgrammeComparison

HOSTILE = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=1</script>",
)
SCALE = {
    "kind": "scale",
    "name": "reference",
    "source": "lines and tumours",
    "scale": {
        "component": np.asarray(["null", "low"], dtype=object),
        "state": np.asarray(["HER2-0", "HER2-low"], dtype=object),
        "mean_log2_cpm": np.asarray([4.9, 5.4]),
    },
}


def annotated_cells(
    donors: Sequence[str], *, cells_per_draw: int = 30, ctc_share: float = 0.6, seed: int = 0
) -> AnnData:
    """Return cells of two draws per donor, annotated as the last step leaves them."""
    rng = np.random.default_rng(0)
    n = len(donors) * 2 * cells_per_draw
    donor = np.repeat(np.asarray(donors, dtype=object), 2 * cells_per_draw)
    day = np.tile(np.repeat([0.0, 21.0], cells_per_draw), len(donors))
    depth = rng.lognormal(8.5, 0.9, n).round()
    is_ctc = rng.random(n) < ctc_share
    posterior = rng.dirichlet((0.5, 0.7, 0.5), n)
    best = posterior.argmax(axis=1)
    states = np.asarray(_keys.STATES, dtype=object)
    single = posterior.max(axis=1) >= 0.9
    call = np.where(
        single, states[best], np.where(posterior[:, 0] > posterior[:, 2], "HER2-0/low", "HER2-low/positive")
    )
    call = np.where(depth < 2000, _keys.NOT_CALLABLE, call)
    call = np.where(is_ctc, call, _keys.NOT_A_CTC)
    count = rng.poisson(depth * np.choose(best, (20, 35, 300)) / 1e6)
    sample = np.asarray([f"{d} day {t:g}" for d, t in zip(donor, day, strict=True)], dtype=object)
    obs = pd.DataFrame(
        {
            _keys.DONOR_ID: pd.Categorical(donor),
            _keys.SAMPLE_ID: pd.Categorical(sample),
            _keys.DRAW_DAY: day,
            _keys.ASSAY: pd.Categorical(["10x"] * n),
            _keys.DEPTH: depth,
            _keys.N_GENES: (depth / 3).astype(int),
            _keys.AMBIENT_SHARE: rng.beta(2, 30, n),
            _keys.PASSES_QUALITY: depth > 2000,
            _keys.IDENTITY: pd.Categorical(np.where(is_ctc, "CTC", "leukocyte"), categories=_keys.IDENTITIES),
            _keys.CTC_PROBABILITY: np.where(is_ctc, 0.97, 0.02),
            _keys.IS_CTC: is_ctc,
            _keys.ERBB2_COUNT: count.astype(float),
            _keys.ERBB2_CPM: count / depth * 1e6,
            _keys.HER2_CALL: pd.Categorical(call, categories=_keys.CALLS),
            _keys.HER2_CONFIDENCE: posterior.max(axis=1),
            _keys.HER2_STATE: pd.Categorical(np.where(is_ctc, states[best], np.nan), _keys.STATES, ordered=True),
            _keys.AMPLICON_SCORE: rng.normal(0, 1, n),
            _keys.ERBB2_MECHANISM: pd.Categorical(rng.choice(_keys.MECHANISMS, n), categories=_keys.MECHANISMS),
        },
        index=[f"{name}:{number}" for number, name in enumerate(sample)],
    )  # fmt: skip
    adata = AnnData(obs=obs, var=pd.DataFrame(index=["ERBB2"]), X=np.zeros((n, 1), dtype=np.float32))
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(posterior, columns=list(_keys.STATES), index=obs.index)
    identity = np.full((n, len(_keys.IDENTITIES)), 0.01)
    identity[np.arange(n), np.where(is_ctc, 0, 3)] = 0.96
    adata.obsm[_keys.IDENTITY_POSTERIOR] = pd.DataFrame(identity, columns=list(_keys.IDENTITIES), index=obs.index)
    adata.obsm["X_umap"] = rng.normal(size=(n, 2))
    params = {"level": 0.8}
    adata.uns[_keys.ROOT] = {"her2_state": {"params": params, "version": "0.1.0", "calibration": SCALE}}
    return adata


def patients_of(obs: Any) -> pd.DataFrame:
    """Return a patient table of the shape that a run writes."""
    rows = []
    for scope, by in (("donor", [_keys.DONOR_ID]), ("draw", [_keys.DONOR_ID, _keys.DRAW_DAY])):
        for group, cells in obs.groupby(by, observed=True):
            ctc = cells[cells[_keys.IS_CTC]]
            row: dict[str, Any] = {"scope": scope, "donor_id": group[0], "draw_day": [*group, np.nan][1]}
            row |= {"n_cells": len(cells), "n_ctc": len(ctc), "n_callable": len(ctc), "n_amplified": len(ctc) // 9}
            for state in _keys.STATES:
                share = float((ctc[_keys.HER2_STATE] == state).mean()) if len(ctc) else np.nan
                row[f"share_{state}"] = share
                row[f"lower_{state}"], row[f"upper_{state}"] = np.clip([share - 0.15, share + 0.15], 0, 1)
            rows.append(row | {"note": "" if len(ctc) else "insufficient: no CTC"})
    return pd.DataFrame(rows)


def origin_of() -> dict[str, Any]:
    return {
        "versions": {"python": "3.13", "her2plastic": "0.1.0"},
        "seed": 0,
        "config": {
            "title": "HER2 states of circulating tumour cells",
            "her2": {"level": 0.8, "interval": 0.9},
            "figures": {"formats": ["png"], "dpi": 100},
        },
        "inputs": [{"role": "sample", "name": "a/matrix.mtx.gz", "bytes": 12345, "sha256": "0" * 64}],
        "steps": [{"step": "her2_state", "parameters": {"level": 0.9, "calibration": "reference"}}],
        "notes": [],
    }


def comparison_of() -> ProgrammeComparison:
    pooled = pd.DataFrame(
        {"programme": ["proliferation", "notch"], "n_donors": [7, 7], "log2_ratio": [0.6, -0.5], "lower": [0.2, -1.0],
         "upper": [1.0, 0.0], "p_value": [0.02, 0.05], "p_adjusted": [0.04, 0.05], "note": ["", ""]}
    )  # fmt: skip
    return ProgrammeComparison(("HER2-positive",), ("HER2-0", "HER2-low"), "posterior", 0.95, pooled, pooled)


@pytest.fixture(scope="session")
def hostile_names() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture(scope="session")
def draw_report() -> Callable[..., dict[str, bytes]]:
    """What draws a report over made-up cells of the donors that it is given."""

    def draw_report(
        donors: Sequence[str] = ("P01", "P02", "P03"), *, notes: Sequence[str] = (), **cells: Any
    ) -> dict[str, bytes]:
        adata = annotated_cells(donors, **cells)
        origin = origin_of() | {"notes": list(notes)}
        return draw(adata, patients=patients_of(adata.obs), comparison=comparison_of(), origin=origin)

    return draw_report


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Headless Chromium with its console and network logs; tests skip where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing = "chromium" if chromium is None else "chromedriver"
        pytest.skip(f"no browser to test the report in: {missing} not found (Debian: chromium, chromium-driver)")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = Chrome(options=options, service=Service(driver))
    yield started
    started.quit()
