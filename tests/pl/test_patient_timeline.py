from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, pl, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.pl.timeline_tracks import DayAxis


def shares(*rows: tuple[str, float, int, tuple[float, float, float]]) -> tl.HER2Shares:
    made = []
    for donor, day, n, share in rows:
        row: dict[str, Any] = {"donor_id": donor, "draw_day": day, "n_ctc": n}
        for state, value in zip(_keys.STATES, share, strict=True):
            row |= {f"share_{state}": value, f"lower_{state}": value * 0.5, f"upper_{state}": min(1.0, value * 1.5)}
        made.append(row)
    return tl.HER2Shares(pd.DataFrame(made), ("donor_id", "draw_day"), 0.9)


NAN = (np.nan,) * 3
SHARES = shares(("P1", 0, 14, (0.5, 0.4, 0.1)), ("P1", 42, 0, NAN), ("P1", 84, 61, (0.1, 0.3, 0.6)))
TISSUE = pd.DataFrame({
    "donor_id": ["P1", "P1", "P1", "P2"], "day": [-912.0, -10.0, 70.0, 0.0], "site": ["primary", "liver", "liver", ""],
    "ihc": ["0", "2+", "2+", "3+"], "ish_ratio": [np.nan, 1.2, 2.4, np.nan], "ish_copies": [np.nan, 2.1, 3.2, np.nan],
})  # fmt: skip
SERUM = pd.DataFrame({
    "donor_id": ["P1"] * 3, "day": [0.0, 42.0, 84.0], "value": [18.0, 2.0, 24.0], "below_lod": [False, True, False],
    "response": "no response", "progression_day": 100.0,
})  # fmt: skip
ALLELES = pd.DataFrame({
    "donor_id": ["P1"] * 4, "draw_day": [0.0, 84.0, 84.0, np.nan], "variant": ["L755S", "L755S", "V777L", "I655V"],
    "origin": ["somatic", "somatic", "somatic", "germline"], "fraction": [0.0, 0.2, 0.0, 0.5],
    "lower": [0.0, 0.15, 0.0, 0.4], "upper": [0.02, 0.26, 0.01, 0.6], "genotype": ["", "", "", "A/G"],
    "call": ["not seen", "mutated", "not seen", "A/G"],
})  # fmt: skip
TREATMENTS = pd.DataFrame({
    "donor": ["P1", "P9"], "start_day": [0, 0], "end_day": [np.nan, 10], "treatment": ["T-DXd $x$", "other"],
})  # fmt: skip
ALL: dict[str, Any] = {"tissue": TISSUE, "serum": SERUM, "alleles": ALLELES, "treatments": TREATMENTS, "shares": SHARES}


def panels(ax: Any) -> list[Any]:
    return list(ax.child_axes)


def words(ax: Any) -> list[str]:
    return [text.get_text() for panel in (ax, *panels(ax)) for text in panel.texts]


def test_everything_of_the_patient_is_gathered() -> None:
    data = pl.prepare_patient_timeline(None, donor="P1", **ALL)
    assert data.tissue["day"].tolist() == [-912.0, -10.0, 70.0]
    assert data.tissue["step"].tolist() == ["", "", "recount_required"]
    assert data.draws["n_ctc"].tolist() == [14, 0, 61]
    assert data.treatments["treatment"].tolist() == ["T-DXd $x$"]
    assert set(data.alleles["variant"]) == {"L755S"}  # V777L was called nowhere
    assert data.genotypes == ("I655V A/G",)
    assert (data.response, data.progression_day, data.level) == ("no response", 100.0, 0.9)


def test_tracks_and_words_of_the_figure() -> None:
    ax = pl.patient_timeline(None, donor="P1", **ALL)
    assert len(panels(ax)) == 5
    assert len({panel.get_xlim() for panel in panels(ax)}) == 1
    shown = "\n".join(words(ax))
    for word in ("recount required", "HER2-low", "day -912", "progression", "L755S", "no CTC", "61", "T-DXd $x$"):
        assert word in shown
    assert "60% of 61 CTCs HER2-positive" in shown
    assert "I655V A/G" in shown
    ax.figure.canvas.draw()


@pytest.mark.parametrize(("name", "n"), [("tissue", 1), ("serum", 1), ("alleles", 1), ("shares", 1)])
def test_tracks_without_data_are_left_out(name: str, n: int) -> None:
    told = {name: ALL[name]} if name != "shares" else {"shares": SHARES, "tissue": TISSUE.iloc[:0], "serum": SERUM}
    ax = pl.patient_timeline(None, donor="P1", **told)
    assert len(panels(ax)) == (n if name != "shares" else 2)
    ax.figure.canvas.draw()


def test_a_patient_without_any_day_is_said_to_have_none() -> None:
    ax = pl.patient_timeline(None, donor="P1", alleles=ALLELES[ALLELES["origin"] == "germline"])
    assert panels(ax) == []
    assert any("nothing with a day" in word for word in words(ax))


def test_tissue_of_long_before_stands_in_a_margin_and_the_rest_keeps_its_scale() -> None:
    data = pl.prepare_patient_timeline(None, donor="P1", **ALL)
    axis = DayAxis.of(data)
    assert axis.far == (-912.0,)
    assert (axis.low, axis.high) == (-10.0, 100.0)
    assert axis.limits[0] < axis.place(-912.0) < axis.low
    assert axis.place(70.0) == 70.0


def test_cells_bring_their_own_draws_tissue_and_treatments(cells: Any) -> None:
    adata = cells
    donor = str(adata.obs["donor_id"].iloc[0])
    adata.obs["ihc"] = pd.Categorical(["1+"] * adata.n_obs)
    adata.obs["treatment"] = pd.Categorical(np.where(adata.obs["draw_day"] > 0, "drug", "none"))
    data = pl.prepare_patient_timeline(adata, donor=donor)
    days = sorted(adata.obs["draw_day"][(adata.obs["donor_id"].astype(str) == donor).to_numpy()].unique())
    assert data.draws["day"].tolist() == days
    assert data.tissue["tissue_class"].unique().tolist() == ["HER2-low"]
    assert data.treatments["treatment"].nunique() <= 1


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"donor": "P7"}, ParameterError), ({"cutoff": 0}, ParameterError), ({"cutoff": np.nan}, ParameterError),
        ({"serum": SERUM.drop(columns="value")}, MissingKeyError),
        ({"alleles": ALLELES.drop(columns="call")}, MissingKeyError),
        ({"treatments": TREATMENTS.drop(columns="treatment")}, MissingKeyError),
        ({"tissue": TISSUE.drop(columns=["ihc", "ish_ratio", "ish_copies"])}, MissingKeyError),
        ({"tissue": TISSUE.assign(ihc="positive")}, ParameterError),
        ({"shares": tl.HER2Shares(SHARES.frame.drop(columns="draw_day"), ("donor_id",), 0.9)}, MissingKeyError),
    ],
)  # fmt: skip
def test_bad_input_is_named(changed: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        pl.patient_timeline(None, **({"donor": "P1"} | ALL | changed))
