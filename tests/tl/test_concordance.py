from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.models import reader_matrix

IHC_OF_STATE = ("0", "1+", "3+")


def cells(
    states: list[int], n: int | list[int] = 12, *, sure: float = 0.94, days: tuple[float, ...] = (0.0,)
) -> AnnData:
    """CTCs of patients P0, P1 ... whose cells are all of one state, each as sure as said."""
    counts = [n] * len(states) if isinstance(n, int) else n
    rows = [(f"P{p}", day, state) for p, (state, k) in enumerate(zip(states, counts, strict=True)) for day in days
            for _ in range(k)]  # fmt: skip
    posterior = np.full((len(rows), 3), (1 - sure) / 2)
    posterior[np.arange(len(rows)), [state for _, _, state in rows]] = sure
    obs = pd.DataFrame({"donor_id": [r[0] for r in rows], "draw_day": [r[1] for r in rows], "is_ctc": True},
                       index=[f"c{k}" for k in range(len(rows))])  # fmt: skip
    adata = AnnData(np.zeros((len(rows), 1), dtype=np.float32), obs=obs)
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(posterior, index=obs.index, columns=list(_keys.STATES))
    return adata


def tissue(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["donor_id", "day", "ihc"])


def row_of(result: tl.Concordance, donor: str) -> Any:
    return result.to_frame().set_index("donor_id").loc[donor]


def test_patients_are_told_apart_by_cells_and_by_misreading() -> None:
    table = tissue(("P0", 0, "0"), ("P1", 0, "0"), ("P2", 0, "0"), ("P3", 0, "0"), ("P4", 0, "2+"), ("P6", 0, "3+"))
    result = tl.concordance(cells([0, 1, 2, 1, 1, 0], [12, 12, 12, 1, 12, 12]), tissue=table, n_null=0)
    verdicts = result.to_frame().set_index("donor_id")["verdict"].to_dict()
    assert verdicts == {
        "P0": "concordant",
        "P1": "discordant, within misreading",  # 0 is read for low once in seven
        "P2": "discordant beyond misreading",  # 0 is never read for positive
        "P3": "compatible",  # one cell leaves every state open
        "P4": "insufficient: no tissue status (reflex_required)",
        "P5": "insufficient: no tissue status",
        "P6": "insufficient: 0 CTCs with a state, 1 needed",
    }
    assert row_of(result, "P3")["n_ctc"] == 1
    assert row_of(result, "P1")["p_misread"] == pytest.approx(0.15, abs=0.02)
    assert row_of(result, "P2")["differs"] > 0.99
    assert sum(result.counts().values()) == 7
    assert "1 of 4 patients" in result.summary()


def test_more_cells_make_the_state_surer() -> None:
    found = [
        row_of(tl.concordance(cells([1], k), tissue=tissue(("P0", 0, "1+")), n_null=0), "P0")["ctc_HER2-low"]
        for k in (1, 3, 10, 40)
    ]
    assert found == sorted(found)
    assert found[0] < 0.7
    assert found[-1] > 0.99


@pytest.mark.parametrize(
    ("which", "day", "state"),
    [("nearest", 60.0, "HER2-low"), ("first", -900.0, "HER2-0"), ("last", 400.0, "HER2-positive")],
)
def test_which_specimen_is_compared(which: str, day: float, state: str) -> None:
    table = tissue(("P0", 400, "3+"), ("P0", -900, "0"), ("P0", 60, "1+"), ("P0", 10, "2+"))
    found = row_of(tl.concordance(cells([1], days=(0.0, 30.0)), tissue=table, which=which, n_null=0), "P0")
    assert (found["tissue_day"], found["tissue_state"], found["n_specimens"]) == (day, state, 3)


def test_specimens_of_one_day_that_differ_are_left_out_and_said() -> None:
    table = tissue(("P0", 0, "3+"), ("P0", 0, "0"), ("P0", -50, "1+"), ("P1", 0, "0"), ("P1", 0, "null"))
    result = tl.concordance(cells([1, 0]), tissue=table, n_null=0)
    assert row_of(result, "P0")["tissue_state"] == "HER2-low"
    assert row_of(result, "P1")["tissue_state"] == "HER2-0"
    assert any("left out: 2 of P0" in note for note in result.notes)
    nothing_left = tissue(("P0", 0, "3+"), ("P0", 0, "0"), ("P0", 5, "2+"))
    verdict = row_of(tl.concordance(cells([1]), tissue=nothing_left, n_null=0), "P0")["verdict"]
    assert verdict == "insufficient: no tissue status (specimens of one day differ)"


def test_tissue_beside_the_draws_is_read_from_the_cells() -> None:
    adata = cells([0, 2], days=(0.0, 21.0))
    adata.obs["ihc"] = pd.Categorical(["0" if donor == "P0" else "2+" for donor in adata.obs["donor_id"]])
    adata.obs["ish_copies"] = np.where(adata.obs["donor_id"] == "P1", 8.0, np.nan)
    result = tl.concordance(adata, n_null=0)
    assert result.to_frame()["verdict"].tolist() == ["concordant", "concordant"]
    pd.testing.assert_frame_equal(
        tl.Concordance.from_record(adata.uns[_keys.ROOT]["concordance"]).frame, result.frame, check_dtype=False
    )


def test_controls_and_cultures_are_no_patients() -> None:
    adata = cells([0, 2, 2])
    adata.obs["ihc"] = "0"
    adata.obs[_keys.LABEL] = pd.Categorical(
        ["HER2-positive" if donor == "P1" else None for donor in adata.obs["donor_id"]]
    )
    adata.obs[_keys.CLONE_ID] = np.where(adata.obs["donor_id"] == "P2", "c1", "")
    found = tl.concordance(adata, n_null=0).to_frame()
    assert found[found["n_ctc"] > 0]["donor_id"].tolist() == ["P0"]


def test_cells_and_specimens_of_nobody_are_not_of_one_patient() -> None:
    adata = cells([0, 1])
    adata.obs["donor_id"] = [None] * 12 + ["P1"] * 12
    found = tl.concordance(adata, tissue=tissue(("P1", 0, "1+"), (None, 0, "3+")), n_null=0).to_frame()
    verdicts = found.set_index("donor_id")["verdict"].to_dict()
    assert verdicts == {"P1": "concordant", "nan": "insufficient: no tissue status"}


def test_days_that_are_no_numbers_are_refused() -> None:
    adata = cells([0])
    adata.obs["draw_day"] = "first"
    with pytest.raises(ParameterError, match="days as numbers"):
        tl.concordance(adata, tissue=tissue(("P0", 0, "0"), ("P0", 9, "1+")), n_null=0)


def test_record_survives_a_file(tmp_path: Path) -> None:
    adata = cells([0, 1, 2, 0, 1, 2, 0])
    table = tissue(*[(f"P{k}", 0, IHC_OF_STATE[k % 3]) for k in range(6)])
    result = tl.concordance(adata, tissue=table, n_null=19, error=0.9)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad").uns[_keys.ROOT]["concordance"]
    restored = tl.Concordance.from_record(again)
    assert restored.summary() == result.summary()
    assert restored.counts() == result.counts() == {
        "concordant": 6, "compatible": 0, "discordant, within misreading": 0, "discordant beyond misreading": 0,
        "insufficient": 1,
    }  # fmt: skip


def test_few_patients_are_insufficient_for_the_cohort_and_still_listed() -> None:
    result = tl.concordance(cells([0, 1]), tissue=tissue(("P0", 0, "0"), ("P1", 0, "1+")), n_null=9)
    assert result.status.startswith("insufficient: 2 patients")
    assert result.to_frame()["verdict"].tolist() == ["concordant", "concordant"]


def test_no_patient_in_common_is_listed_not_raised() -> None:
    result = tl.concordance(cells([0]), tissue=tissue(("X", 0, "0")), n_null=9)
    assert result.status.startswith("insufficient")
    assert result.to_frame()["verdict"].str.startswith("insufficient").all()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"which": "best"}, ParameterError), ({"level": 1.0}, ParameterError), ({"seed": -1}, ParameterError),
        ({"ctc_share": 2}, ParameterError), ({"error": 1.2}, ParameterError), ({"rule": "x"}, ParameterError),
        ({"tissue": "tissue.csv"}, ParameterError), ({"n_null": 1.5}, ParameterError),
        ({"tissue": pd.DataFrame({"ihc": ["0"]})}, MissingKeyError), ({"tissue": None}, MissingKeyError),
        ({"posterior_key": "none"}, MissingKeyError),
        ({"tissue": tissue(("P0", 0, "negative"))}, ParameterError),
        ({"tissue": tissue(("P0", "2024-01-01", "0"))}, ParameterError),
    ],
)  # fmt: skip
def test_bad_input_is_named(changed: dict[str, object], error: type[Exception]) -> None:
    told: dict[str, Any] = {"tissue": tissue(("P0", 0, "0")), "n_null": 0}
    with pytest.raises(error):
        tl.concordance(cells([0]), **(told | changed))


@pytest.mark.parametrize(("accuracy", "discordance"), [(0.7, 0.40), (0.8, 0.29), (0.9, 0.16)])
def test_misread_tissue_without_change_is_put_down_to_error(accuracy: float, discordance: float) -> None:
    """Two readings of unchanged tissue, as pathologists write them, differ as expected, and no conversion is found."""
    rng = np.random.default_rng(5)
    truth = rng.choice(3, p=[0.45, 0.40, 0.15], size=4000)
    matrix = reader_matrix(accuracy, n_states=3)
    read = [(rng.random(truth.size)[:, None] > matrix[truth].cumsum(axis=1)).sum(axis=1) for _ in range(2)]
    table = pd.DataFrame({
        name: tl.tissue_status(pd.DataFrame({"ihc": np.array(IHC_OF_STATE)[codes]}))[_keys.TISSUE_STATE]
        for name, codes in zip(("primary", "relapse"), read, strict=True)
    })  # fmt: skip
    result = tl.conversion(table, first="primary", second="relapse", error=accuracy, n_null=99, accuracies=())
    assert result.discordance == pytest.approx(discordance, abs=0.02)
    assert result.expected[0] == pytest.approx(discordance, abs=0.02)
    assert not result.found()
    assert result.changed[1] == 0.0
