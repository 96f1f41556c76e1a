from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, tl
from her2plastic._errors import MissingKeyError


def cells(rows: list[tuple[object, ...]]) -> AnnData:
    """Two cells a row of: donor, day, ihc, ratio, copies."""
    obs = pd.DataFrame([row for row in rows for _ in range(2)], columns=["donor_id", "draw_day", "ihc", "ish_ratio",
                                                                        "ish_copies"])  # fmt: skip
    obs.index = [f"c{k}" for k in range(len(obs))]
    return AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs)


def test_first_and_last_tissue_become_states() -> None:
    adata = cells([
        ("A", 0.0, "1+", np.nan, np.nan), ("A", 90.0, "2+", 2.4, 6.1), ("A", 30.0, "0", np.nan, np.nan),
        ("B", 0.0, "null", np.nan, np.nan), ("B", 60.0, "2+", 1.3, 3.0),
        ("C", 0.0, "3+", np.nan, np.nan), ("C", 40.0, "2+", np.nan, np.nan),  # not hybridised: unknown
        ("D", 0.0, "1+", np.nan, np.nan),
    ])  # fmt: skip
    found = tl.tissue_states(adata).set_index("donor")
    assert list(found.loc["A"]) == [0.0, 90.0, "HER2-low", "HER2-positive"]
    assert list(found.loc["B"]) == [0.0, 60.0, "HER2-0", "HER2-low"]
    assert list(found.index) == ["A", "B"]
    assert adata.obs[_keys.TISSUE_LAST].cat.ordered
    of_draw = adata.obs[_keys.TISSUE_STATE].astype(object)[::2]
    assert of_draw.where(of_draw.notna(), "").tolist() == [
        "HER2-low", "HER2-positive", "HER2-0", "HER2-0", "HER2-low", "HER2-positive", "", "HER2-low",
    ]  # fmt: skip
    assert adata.obs[_keys.TISSUE_LAST].astype(object).where(lambda x: x.notna(), "").tolist() == (
        ["HER2-positive"] * 6 + ["HER2-low"] * 4 + [""] * 6
    )


@pytest.mark.parametrize(
    ("ratio", "copies", "recount", "states"),
    [
        (2.0, 4.0, None, ["HER2-positive"]), (2.0, np.nan, None, []), (np.nan, 6.0, None, ["HER2-positive"]),
        (1.3, 3.9, None, ["HER2-low"]), (2.4, 3.5, None, []), (2.4, 3.5, "unchanged", ["HER2-low"]),
        (1.4, 6.0, "unchanged", ["HER2-positive"]), (1.9, 5.9, "unchanged", ["HER2-low"]), (1.9, 5.9, "changed", []),
    ],
)  # fmt: skip
def test_equivocal_tissue_goes_by_hybridisation_and_its_recount(
    ratio: float, copies: float, recount: str | None, states: list[str]
) -> None:
    adata = cells([("A", 0.0, "0", np.nan, np.nan), ("A", 9.0, "2+", ratio, copies)])
    adata.obs[_keys.ISH_RECOUNT] = pd.Categorical([None, None, recount, recount], categories=["unchanged", "changed"])
    assert tl.tissue_states(adata)["last"].tolist() == states


def test_days_that_contradict_themselves_and_controls_are_left_out() -> None:
    adata = cells([("A", 0.0, "0", np.nan, np.nan), ("A", 9.0, "1+", np.nan, np.nan), ("A", 9.0, "3+", np.nan, np.nan),
                   ("B", 0.0, "0", np.nan, np.nan), ("B", 9.0, "3+", np.nan, np.nan)])  # fmt: skip
    adata.obs[_keys.LABEL] = [None] * 6 + ["HER2-0"] * 4
    assert tl.tissue_states(adata).empty
    assert adata.uns[_keys.ROOT]["tissue_states"]["patients"] == 0


def test_sheet_without_tissue_is_named() -> None:
    adata = cells([("A", 0.0, "0", np.nan, np.nan)])
    del adata.obs["ihc"]
    with pytest.raises(MissingKeyError, match="ihc"):
        tl.tissue_states(adata)
