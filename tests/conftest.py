from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from anndata import AnnData

DATA_VARIABLE = "HER2PLASTIC_TEST_DATA"

# How long an example takes tells of the machine, and of what else it does.
settings.register_profile("her2plastic", settings(), deadline=None)
settings.load_profile("her2plastic")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that are not part of the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get(DATA_VARIABLE, Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real test data not found at {folder}; set {DATA_VARIABLE} to their folder")
    return folder


@pytest.fixture(scope="session")
def measured() -> Callable[..., AnnData]:
    """Factory of tables as ``im.measure`` makes them, one slide each, without any image."""
    return measured_objects


def measured_objects(
    *,
    leukocytes: int = 300,
    scores: Sequence[int] = (),
    slide_id: str = "s1",
    control_line: str = "",
    donor_id: str = "",
    seed: int = 0,
    gain: float = 1.0,
    staining: float = 1.0,
    limit: float = np.inf,
    channels: Sequence[str] = ("DAPI", "CK", "CD45", "HER2"),
) -> AnnData:
    """Return leukocytes and CTCs with the stains of the simulator; ``scores`` (0 to 3) has one entry a CTC.

    ``limit`` is the HER2 mean from which on a cell is saturated, ``staining`` the strength of the HER2 stain.
    """
    from anndata import AnnData

    rng = np.random.default_rng(seed)
    n = leukocytes + len(scores)
    is_ctc = np.arange(n) >= leukocytes
    score = np.concatenate([np.full(leukocytes, -1), np.asarray(scores, dtype=int)])

    def spread(sd: float) -> np.ndarray:
        return np.exp(sd * rng.standard_normal(n))

    units = np.where(is_ctc, np.array([1.1, 3.0, 8.0, 20.0, 1.0])[score] * spread(0.35), spread(0.2))
    units = np.where(is_ctc & (units > 1), 1 + (units - 1) * staining, units)
    her2 = gain * 60 * units
    means = {
        "DAPI": 700 * spread(0.25),
        "CK": gain * np.where(is_ctc, 600 * spread(0.5), 15 * spread(0.3)) + 0.02 * her2,
        "CD45": gain * np.where(is_ctc, 12 * spread(0.3), 350 * spread(0.4)),
        "HER2": np.minimum(her2, limit),
    }
    features: dict[str, np.ndarray] = {}
    for channel in channels:
        values = means[channel] + rng.normal(0, 1.5, n)
        features |= {f"{channel}_{where}_mean": values for where in ("cell", "nucleus")}
        features |= {f"{channel}_cell_sd": values / 3, f"{channel}_cell_max": values * 2.5}
        features |= {f"{channel}_nucleus_max": values * 2, f"{channel}_background": np.full(n, 100 * gain)}
    if "DAPI" in channels:
        features["DAPI_cytoplasm_mean"] = means["DAPI"] * 0.2 * spread(0.1)
    if "HER2" in channels:
        features["HER2_cell_saturated"] = np.where(her2 >= limit, 0.2, 0.0)
    features["cell_diameter_um"] = np.where(is_ctc, 12.0, 8.5) * spread(0.1)
    features["cell_area_um2"] = np.pi / 4 * features["cell_diameter_um"] ** 2
    features["nucleus_area_um2"] = features["cell_area_um2"] / 2
    features["nucleus_p2a"] = np.full(n, 1.1)
    names = [f"{slide_id}:{i + 1}" for i in range(n)]
    obs = pd.DataFrame(
        {
            "cell_id": names, "slide_id": slide_id, "kind": "cell", "cluster": 0, "control_line": control_line,
            "donor_id": donor_id or slide_id, "true_ctc": is_ctc, "true_score": score, "true_units": units,
        },
        index=pd.Index(names, dtype=object),
    )  # fmt: skip
    return AnnData(
        X=np.column_stack(list(features.values())), obs=obs, var=pd.DataFrame(index=pd.Index(list(features)))
    )
