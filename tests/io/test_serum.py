from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic import datasets, io
from her2plastic._errors import InputFileError, ParameterError, SampleSheetError, UnitError

HEADER = "donor_id,day,value,unit,lod,response,progression_day,last_day"
GOOD = ["P1,0,12.5,ng/mL,5,PR,,200", "P1,42,<5,ng/mL,5,PR,,200", "P2,0,20,ug/L,5,SD,90,90"]


def table(tmp_path, *rows, header=HEADER, name="serum.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def faults(source, **kwargs):
    with pytest.raises(SampleSheetError) as raised:
        io.read_serum(source, **kwargs)
    return raised.value.problems


def test_visits_in_one_unit_with_their_limits(tmp_path):
    frame = io.read_serum(table(tmp_path, *GOOD))
    assert frame["value"].tolist() == [12.5, 5.0, 20.0]
    assert frame["below_lod"].tolist() == [False, True, False]
    assert frame["cycle"].tolist() == [0.0, 2.0, 0.0]
    assert frame["response"].tolist() == ["response", "response", "no response"]
    assert frame["progression_day"].tolist()[2] == 90
    assert frame.attrs["notes"] == ("1 of 3 values lie below the limit of detection",)


def test_simulated_study_comes_back_from_a_file(tmp_path):
    study = datasets.simulate_serum(n_patients=12, lod=8.0, seed=3)
    study.to_frame().to_csv(tmp_path / "serum.csv", index=False)
    frame = io.read_serum(tmp_path / "serum.csv")
    pd.testing.assert_frame_equal(frame, study.visits, rtol=1e-3)
    pd.testing.assert_frame_equal(io.read_serum(study.to_frame()), study.visits, rtol=1e-3)


@pytest.mark.parametrize(
    ("unit", "factor"), [("ng/mL", 1), ("NG / ml", 1), ("µg/L", 1), ("μg/l", 1), ("ug/mL", 1000), ("pg/mL", 1e-3)]
)
def test_units_become_ng_per_ml(unit, factor):
    frame = io.read_serum(pd.DataFrame({"donor_id": ["a"], "day": [0], "value": [7.0], "unit": [unit], "lod": [2.0]}))
    assert frame["value"].tolist() == pytest.approx([7.0 * factor])
    assert frame["lod"].tolist() == pytest.approx([2.0 * factor])


def test_activity_needs_the_factor_of_its_assay():
    rows = pd.DataFrame({"donor_id": ["a", "b"], "day": [0, 0], "value": [70.0, 9.0], "unit": ["U/mL", "ng/mL"],
                         "assay": ["X", "Y"]})  # fmt: skip
    with pytest.raises(UnitError, match="unit of the assay's own"):
        io.read_serum(rows)
    with pytest.raises(UnitError, match="unit of the assay's own"):
        io.read_serum(rows, ng_per_unit={"Y": 2.0})
    assert io.read_serum(rows, ng_per_unit={"X": 0.1})["value"].tolist() == pytest.approx([7.0, 9.0])


@pytest.mark.parametrize("unit", [None, "furlongs"])
def test_unknown_unit_is_asked_for(unit):
    rows = pd.DataFrame({"donor_id": ["a"], "day": [0], "value": [7.0]})
    with pytest.raises(UnitError, match="ng/ml"):
        io.read_serum(rows, unit=unit)
    assert io.read_serum(rows, unit="ng/mL")["value"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (">250", "above the range"), ("5,3", "decimal point"), ("1.234,5", "is no number"), ("-3", "not above 0"),
        ("0", "not above 0"), ("twelve", "is no number"), ("nan", "is missing"), ("inf", "is missing"),
        ("12 ng/mL", "is no number"), ("1e9", "more than any serum holds"), ("<", "is missing"), ("<0", "not above 0"),
    ],
)  # fmt: skip
def test_values_that_are_none_are_named(tmp_path, field, message):
    found = faults(table(tmp_path, *GOOD, f'P3,0,"{field}",ng/mL,,,,'))
    assert len(found) == 1
    assert "line 5" in found[0]
    assert message in found[0]


def test_not_detected_needs_a_limit(tmp_path):
    assert "nowhere said" in faults(table(tmp_path, "P1,0,ND,ng/mL,,,,"))[0]
    frame = io.read_serum(table(tmp_path, "P1,0,n.d.,ng/mL,3,,,", "P1,21,2.9,ng/mL,3,,,"))
    assert frame["value"].tolist() == [3.0, 3.0]
    assert frame["below_lod"].all()
    assert io.read_serum(table(tmp_path, "P1,0,ND,ng/mL,,,,"), lod=4.0)["value"].tolist() == [4.0]


@pytest.mark.parametrize("day", ["2024-07-04", "04.07.2024", "7/4/24", "4 July 2024", "2024-07-04 00:00:00", "45477"])
def test_dates_are_refused(tmp_path, day):
    found = faults(table(tmp_path, f"P1,{day},12,ng/mL,5,PR,,200"))
    assert "expected days since the first dose" in found[0]


def test_cycles_and_limits_are_told_as_what_they_are(tmp_path):
    found = faults(table(tmp_path, "P1,0,12,ng/mL,5 ng,PR,,200"))
    assert "is no number; expected the limit of detection in the unit of the value" in found[0]
    assert io.read_serum(table(tmp_path, "P1,0,90000,pg/mL,40000,PR,,200"))["lod"].tolist() == [40.0]
    rows = pd.DataFrame({"donor_id": ["a", "b"], "cycle": ["C2", "45477"], "value": 7.0, "unit": "ng/mL"})
    assert all("expected the number of cycles completed" in fault for fault in faults(rows))


def test_dates_of_a_frame_are_refused():
    rows = pd.DataFrame({"donor_id": ["a"], "day": pd.to_datetime(["2024-07-04"]), "value": [7.0], "unit": ["ng/mL"]})
    assert "is a date" in faults(rows)[0]


def test_cycles_stand_for_days_and_both_may_be_given():
    rows = pd.DataFrame({"donor_id": ["a", "a"], "cycle": [0, 2], "value": [7.0, 8.0], "unit": "ng/mL"})
    assert io.read_serum(rows)["day"].tolist() == [0.0, 42.0]
    assert io.read_serum(rows, cycle_days=28)["day"].tolist() == [0.0, 56.0]
    assert io.read_serum(rows.assign(day=[-3, 45]))["day"].tolist() == [-3.0, 45.0]
    assert io.read_serum(rows.assign(day=[-3, 45]))["cycle"].tolist() == [0.0, 2.0]


@pytest.mark.parametrize(("days", "cycles"), [([0, 6], [0, 2]), ([0, 21], [1, 2]), ([0, 300], [0, 2])])
def test_days_and_cycles_that_do_not_go_together(days, cycles):
    """Weeks for days, cycles counted from 1, a slip of the pen."""
    rows = pd.DataFrame({"donor_id": "a", "day": days, "cycle": cycles, "value": 7.0, "unit": "ng/mL"})
    assert any("days (not weeks) since the first dose, and cycles completed" in fault for fault in faults(rows))
    held_back = io.read_serum(rows.assign(day=[0, 70], cycle=[0, 2]))
    assert held_back["cycle"].tolist() == [0.0, 2.0]


def test_repeated_visits(tmp_path):
    rows = [*GOOD, "P1,0,50,ng/mL,5,PR,,200"]
    assert re.search(r"lines 2, 5: donor 'P1' has 2 values on day 0", faults(table(tmp_path, *rows))[0])
    first = {how: io.read_serum(table(tmp_path, *rows), repeats=how)["value"][0] for how in ("mean", "first", "last")}
    assert first == {"mean": pytest.approx(25.0), "first": 12.5, "last": 50.0}
    mixed = table(tmp_path, *GOOD, "P1,42,6,ng/mL,5,PR,,200")
    assert "have no mean" in faults(mixed, repeats="mean")[0]


def test_what_a_donor_has_one_of(tmp_path):
    found = faults(table(tmp_path, *GOOD, "P2,42,20,ng/mL,5,PR,90,90"))
    assert "several values of 'response'" in found[0]
    found = faults(table(tmp_path, *GOOD, "P2,142,20,ng/mL,5,,90,90"))
    assert "after 'last_day'" in found[0]
    frame = io.read_serum(table(tmp_path, *GOOD, "P2,42,,ng/mL,,,,", "P2,63,15,ng/mL,,,,"))
    assert frame["response"].astype(str).tolist()[2:] == ["no response"] * 2
    assert frame["progression_day"].tolist()[2:] == [90.0, 90.0]


def test_facts_of_a_visit_without_a_value_are_kept(tmp_path):
    frame = io.read_serum(table(tmp_path, "P1,0,12,ng/mL,,,,", "P1,42,,ng/mL,,CR,,180"))
    assert len(frame) == 1
    assert frame["response"].tolist() == ["response"]
    assert frame["last_day"].tolist() == [180.0]


@pytest.mark.parametrize("word", ["mR", "2", "??"])
def test_unknown_response(tmp_path, word):
    assert "no known response" in faults(table(tmp_path, f"P1,0,12,ng/mL,,{word},,"))[0]


def test_missing_response_stays_missing(tmp_path):
    frame = io.read_serum(table(tmp_path, "P1,0,12,ng/mL,,,,", "P2,0,12,ng/mL,,NE,,"))
    assert frame["response"].isna().all()


def test_columns_and_files_that_are_none(tmp_path):
    assert "'value' is missing" in faults(table(tmp_path, "P1,0", header="donor_id,day"))[0]
    assert "'day'" in faults(table(tmp_path, "P1,3", header="donor_id,value"))[0]
    with pytest.raises(SampleSheetError, match="no visit"):
        io.read_serum(table(tmp_path))
    with pytest.raises(InputFileError, match="no such"):
        io.read_serum(tmp_path / "none.csv")
    assert "neither 'day' nor 'cycle'" in faults(table(tmp_path, "P1,,12,ng/mL,,,,"))[0]
    assert "name of the patient" in faults(table(tmp_path, ",0,12,ng/mL,,,,"))[0]
    assert "no visit has a value" in faults(table(tmp_path, "P1,0,,ng/mL,,,,"))[0]


def test_every_fault_is_listed(tmp_path):
    found = faults(table(tmp_path, "P1,x,12,ng/mL,,,,", "P1,0,y,ng/mL,,,,", "P2,1,2,ng/mL,-1,,,", "P3,1,2,ng/mL,,,-4,"))
    assert len(found) == 4


@pytest.mark.parametrize("kwargs", [{"lod": 0}, {"cycle_days": -1}, {"repeats": "all"}, {"lod": float("nan")}])
def test_parameters(kwargs, tmp_path):
    with pytest.raises(ParameterError):
        io.read_serum(table(tmp_path, *GOOD), **kwargs)


@settings(max_examples=60)
@given(st.text(max_size=12))
def test_no_field_becomes_a_number_that_it_is_not(field):
    rows = pd.DataFrame({"donor_id": ["a", "b"], "day": [0, 0], "value": ["3", field], "unit": "ng/mL"})
    try:
        frame = io.read_serum(rows)
    except SampleSheetError:
        return
    stripped = field.strip()
    if stripped == "":
        assert len(frame) == 1
        return
    number = float(stripped.lstrip("<=≤ ").removeprefix("below").removeprefix("less than"))
    assert np.isclose(frame["value"].iloc[1], number)
    assert frame["below_lod"].iloc[1] == (not stripped[0].isdigit() and stripped[0] not in "+.")


def test_unit_that_is_not_known_hides_no_other_fault(tmp_path):
    path = tmp_path / "serum.csv"
    path.write_text("donor_id,day,value,unit\nD1,2024-01-05,12,ng/mL\nD1,21,5;3,pg/mL\nD2,0,12,U/mL\nD2,21,<5,ng/mL\n")
    with pytest.raises(UnitError) as told:
        io.read_serum(path)
    first, *others = str(told.value).splitlines()
    assert "line 4" in first
    assert "line 2" in others[1]
    assert "line 3" in others[2]
    assert len(others) == 3
