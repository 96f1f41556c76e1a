"""Values at the edge: on a cut-off, below detection, before treatment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2plastic import datasets, tl

QUICK = {"n_bootstrap": 199, "dependence": None, "looks": (2,)}
pytest.importorskip("lifelines", reason="lifelines (extra clinical) is not installed")


def visits_of(*patients: tuple[object, object]) -> pd.DataFrame:
    """Values before treatment and at cycle 2, as in a table ("<5" is below detection); every other patient responds."""
    rows = []
    for number, pair in enumerate(patients):
        for cycle, value in zip((0.0, 2.0), pair, strict=True):
            below = isinstance(value, str)
            rows.append({
                "donor_id": f"P{number:02d}", "day": 21 * cycle, "cycle": cycle, "below_lod": below,
                "value": float(str(value).lstrip("<")), "response": ("no response", "response")[number % 2],
            })  # fmt: skip
    return pd.DataFrame(rows)


def given(visits: pd.DataFrame, look: float) -> pd.Series:
    found = tl.serum(visits, **QUICK).cutoffs
    return found[(found["kind"] == "given") & (found["look"] == look)].iloc[0]


def test_a_fall_of_just_what_was_said_is_one() -> None:
    """From 20 to 16 is a fall of 20 %, whatever the logarithms of both round to."""
    pairs = [(before, before) if k % 2 == 0 else (before, 0.8 * before)
             for k, before in enumerate(np.repeat([10.0, 15.0, 20.0, 12.5, 30.0, 50.0], 2))]  # fmt: skip
    row = given(visits_of(*pairs), 2.0)
    assert (row["sensitivity"], row["specificity"], row["n"]) == (1.0, 1.0, 12)


def test_given_cutoffs_do_not_judge_whom_detection_leaves_open() -> None:
    pairs = [(30.0, 10.0), (30.0, 30.0)] * 3
    before = given(visits_of(*pairs, ("<20", 8.0), ("<15", 8.0), ("<5", 4.0)), 0.0)
    # "<20" may be 16 or 4; "<15" and "<5" are below 15
    assert (before["n"], before["not_known"]) == (8, 1)
    assert before["specificity"] == pytest.approx(1 / 4)
    later = given(visits_of(*pairs, (10.0, "<5"), (5.5, "<5"), ("<5", "<5"), ("<20", 5.0), ("<5", 6.0)), 2.0)
    # 10 to "<5" has fallen by half or more, and "<5" to 6 has not fallen; the others may have or not
    assert (later["n"], later["not_known"]) == (8, 3)


def test_visits_before_treatment_are_at_cycle_0() -> None:
    """Serum drawn three weeks before the first dose is as good as on that day: nothing acts on it in between."""
    same_day = datasets.simulate_serum(n_patients=24, lod=None, seed=3).visits
    before = same_day["cycle"] == 0
    earlier = same_day.assign(day=same_day["day"].where(~before, -21.0), cycle=same_day["cycle"].where(~before, -1.0))
    one, other = (tl.serum(visits, n_bootstrap=199, dependence=(1.0,)) for visits in (same_day, earlier))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    pd.testing.assert_frame_equal(one.drop_out.frame, other.drop_out.frame)


def test_values_long_before_treatment_are_in_no_result_and_counted() -> None:
    visits = datasets.simulate_serum(seed=3).visits
    old = visits[visits["cycle"] == 0].head(4).assign(day=-200.0, cycle=-200 / 21, value=90.0)
    one = tl.serum(visits, **QUICK)
    other = tl.serum(pd.concat([visits, old]), **QUICK)
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert "4 values from more than 2 cycles before treatment are in no result" in other.notes


def test_a_group_said_once_holds_for_all_visits_and_an_empty_field_is_none() -> None:
    visits = datasets.simulate_serum(n_patients=24, lod=None, seed=3).visits
    number = visits["donor_id"].str[1:].astype(int)
    visits["site"] = np.where(number > 22, "", np.where(number % 2 == 0, "A", "B"))
    once = visits.assign(site=visits["site"].mask(visits["donor_id"].duplicated(), ""))
    one, other = (tl.serum(table, group="site", **QUICK) for table in (visits, once))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert set(one.changes["group"]) == {"A", "B"}
    assert "2 patients without 'site' are in no comparison of groups" in one.notes
    response = visits.assign(response=visits["response"].astype(object).mask(visits["donor_id"].duplicated()))
    pd.testing.assert_frame_equal(tl.serum(response, **QUICK).to_frame(), tl.serum(visits, **QUICK).to_frame())
