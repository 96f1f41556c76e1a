from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic import _keys, reference, tl
from her2plastic._errors import MissingKeyError, ParameterError

FLAG = "discordant_ihc_ish"
#: A ratio and copies in the middle of each group.
GROUPS = {None: (None, None), 1: (3.0, 6.5), 2: (2.6, 3.1), 3: (1.4, 6.8), 4: (1.5, 4.6), 5: (1.1, 2.2)}
STEPS = {
    *("reflex_required", "recount_required", "adjudication_required", "dual_probe_required", "copies_required"),
    *("ratio_required", "ish_numbers_required", "ihc_required", "ihc_review_required", "not_tested"),
}


def one(**row: object) -> pd.Series:
    return tl.tissue_status(pd.DataFrame([row])).iloc[0]


def answer(**row: object) -> tuple[str, str, str]:
    found = one(**row)
    return ("" if pd.isna(found["status"]) else str(found["status"])), found["step"], found["flags"]


# --- every row of the decision table ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("group", "ihc", "recount", "expected"),
    [
        (None, "0", None, ("negative", "", "")),
        (None, "1+", None, ("negative", "", "")),
        (None, "3+", None, ("positive", "", "")),
        (None, "2+", None, ("", "reflex_required", "")),
        (1, "0", None, ("positive", "", FLAG)),
        (1, "1+", None, ("positive", "", FLAG)),
        (1, "2+", None, ("positive", "", "")),
        (1, "3+", None, ("positive", "", "")),
        (5, "3+", None, ("positive", "", FLAG)),
        (5, "0", None, ("negative", "", "")),
        (5, "1+", None, ("negative", "", "")),
        (5, "2+", None, ("negative", "", "")),
        (2, "3+", None, ("positive", "", "")),
        (2, "2+", None, ("", "recount_required", "")),
        (2, "2+", "unchanged", ("negative", "", "")),
        (2, "2+", "changed", ("", "adjudication_required", "")),
        (2, "0", None, ("negative", "", "")),
        (2, "1+", None, ("negative", "", "")),
        (3, "3+", None, ("positive", "", "")),
        (3, "2+", None, ("", "recount_required", "")),
        (3, "2+", "unchanged", ("positive", "", "")),
        (3, "2+", "changed", ("", "adjudication_required", "")),
        (3, "0", None, ("negative", "", "")),
        (3, "1+", None, ("negative", "", "")),
        (4, "3+", None, ("positive", "", "")),
        (4, "2+", None, ("", "recount_required", "")),
        (4, "2+", "unchanged", ("negative", "", "")),
        (4, "2+", "changed", ("", "adjudication_required", "")),
        (4, "0", None, ("negative", "", "")),
        (4, "1+", None, ("negative", "", "")),
    ],
)
def test_decision_table(group: int | None, ihc: str, recount: str | None, expected: tuple[str, str, str]) -> None:
    ratio, copies = GROUPS[group]
    assert answer(ihc=ihc, ish_ratio=ratio, ish_copies=copies, ish_recount=recount) == expected


@pytest.mark.parametrize("group", [2, 3, 4])
@pytest.mark.parametrize("ihc", ["0", "1+", "2+"])
def test_negative_after_groups_2_to_4_carries_a_comment(group: int, ihc: str) -> None:
    ratio, copies = GROUPS[group]
    found = one(ihc=ihc, ish_ratio=ratio, ish_copies=copies, ish_recount="unchanged")
    assert found["comment"]
    assert (found["status"] == "positive") == (group == 3 and ihc == "2+")


@pytest.mark.parametrize(
    ("copies", "ihc", "expected"),
    [
        (3.9, None, ("negative", "", "")), (6.0, None, ("positive", "", "")),
        (4.0, None, ("", "dual_probe_required", "")), (5.9, None, ("", "dual_probe_required", "")),
        (3.9, "2+", ("negative", "", "")), (6.0, "2+", ("positive", "", "")),
        (5.0, "2+", ("", "dual_probe_required", "")), (5.0, "1+", ("", "dual_probe_required", "")),
        (3.9, "3+", ("positive", "", FLAG)), (6.0, "1+", ("positive", "", FLAG)), (5.0, "3+", ("positive", "", "")),
    ],
)  # fmt: skip
def test_single_probe(copies: float, ihc: str | None, expected: tuple[str, str, str]) -> None:
    assert answer(ish_copies=copies, ihc=ihc) == expected
    assert answer(ish_copies=copies, ihc=ihc, ish_probe="single") == expected


@pytest.mark.parametrize(
    ("result", "ihc", "expected"),
    [
        ("positive", "2+", ("positive", "", "")), ("amplified", None, ("positive", "", "")),
        ("Positive", "1+", ("positive", "", FLAG)), ("not amplified", "2+", ("negative", "", "")),
        ("negative", None, ("negative", "", "")), ("negative", "3+", ("positive", "", FLAG)),
        ("equivocal", "2+", ("", "ish_numbers_required", "")),
        ("indeterminate", None, ("", "ish_numbers_required", "")),
        ("equivocal", "3+", ("positive", "", "")), (None, "2+", ("", "reflex_required", "")),
    ],
)  # fmt: skip
def test_result_of_hybridisation_without_its_numbers(
    result: str | None, ihc: str | None, expected: tuple[str, str, str]
) -> None:
    assert answer(ish_result=result, ihc=ihc) == expected


def test_numbers_say_more_than_the_result_that_was_reported() -> None:
    found = one(ish_result="positive", ish_ratio=1.2, ish_copies=2.5, ihc="2+")
    assert (found["status"], found["ish_group"]) == ("negative", "5")
    assert found["flags"] == "ish_result_contradicts_numbers"
    assert one(ish_result="negative", ish_ratio=2.2, ish_copies=3.5, ihc="2+")["step"] == "recount_required"
    assert one(ish_result="negative", ish_ratio=1.2, ish_copies=2.5)["flags"] == ""
    incomplete = one(ish_result="negative", ish_ratio=1.2, ihc="2+")
    assert (incomplete["status"], incomplete["ish_group"]) == ("negative", "reported negative")
    assert incomplete["flags"] == "ish_incomplete"


@pytest.mark.parametrize(
    ("ratio", "copies", "group"),
    [(2.0, 4.0, "1"), (2.0, 3.999, "2"), (1.999, 6.0, "3"), (1.999, 5.999, "4"), (1.999, 4.0, "4"), (1.9, 3.9, "5"),
     (0.0, 0.0, "5"), (12.0, 40.0, "1")],
)  # fmt: skip
def test_groups_at_their_bounds(ratio: float, copies: float, group: str) -> None:
    assert one(ish_ratio=ratio, ish_copies=copies)["ish_group"] == group


@pytest.mark.parametrize(
    ("ihc", "group", "recount", "tissue_class", "state"),
    [
        ("null", None, None, "HER2-null", "HER2-0"), ("ultralow", None, None, "HER2-ultralow", "HER2-0"),
        ("0", None, None, "HER2-0 (ultralow/null unresolved)", "HER2-0"), ("1+", None, None, "HER2-low", "HER2-low"),
        ("2+", 5, None, "HER2-low", "HER2-low"), ("2+", 4, "unchanged", "HER2-low", "HER2-low"),
        ("2+", 1, None, "HER2-positive", "HER2-positive"), ("3+", None, None, "HER2-positive", "HER2-positive"),
        ("2+", None, None, None, None), (None, 5, None, None, None), ("ultralow", 5, None, "HER2-ultralow", "HER2-0"),
    ],
)  # fmt: skip
def test_classes_of_negative_tissue(
    ihc: str | None, group: int | None, recount: str | None, tissue_class: str | None, state: str | None
) -> None:
    ratio, copies = GROUPS[group]
    found = one(ihc=ihc, ish_ratio=ratio, ish_copies=copies, ish_recount=recount)
    assert (found["tissue_class"] if tissue_class else pd.isna(found["tissue_class"])) == (tissue_class or True)
    assert (found[_keys.TISSUE_STATE] if state else pd.isna(found[_keys.TISSUE_STATE])) == (state or True)


# --- what is missing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"ihc": None}, ("", "not_tested", "")),
        ({"ish_ratio": 1.1, "ish_copies": 2.0}, ("negative", "", "")),
        ({"ish_ratio": 2.6, "ish_copies": 6.0}, ("positive", "", "")),
        ({"ish_ratio": 1.4, "ish_copies": 6.5}, ("", "ihc_required", "")),
        # a ratio without copies: the answer is given where every group that is possible gives it
        ({"ish_ratio": 2.4, "ihc": "3+"}, ("positive", "", "ish_incomplete")),
        ({"ish_ratio": 2.4, "ihc": "2+"}, ("", "copies_required", "ish_incomplete")),
        ({"ish_ratio": 2.4, "ihc": "1+"}, ("", "copies_required", "ish_incomplete")),
        ({"ish_ratio": 2.4}, ("", "copies_required", "ish_incomplete")),
        ({"ish_ratio": 1.4, "ihc": "1+"}, ("negative", "", "ish_incomplete")),
        ({"ish_ratio": 1.4, "ihc": "2+"}, ("", "copies_required", "ish_incomplete")),
        ({"ish_ratio": 1.4, "ihc": "3+"}, ("positive", "", "ish_incomplete")),
        # copies of a dual probe without the ratio
        ({"ish_copies": 6.5, "ish_probe": "dual", "ihc": "2+"}, ("", "ratio_required", "ish_incomplete")),
        ({"ish_copies": 3.0, "ish_probe": "dual", "ihc": "1+"}, ("negative", "", "ish_incomplete")),
    ],
)
def test_what_is_missing_is_asked_for_unless_it_does_not_matter(
    row: dict[str, object], expected: tuple[str, str, str]
) -> None:
    assert answer(**row) == expected


def test_ratio_is_made_of_copies_and_cep17_and_must_agree_with_them() -> None:
    assert one(ish_copies=6.6, ish_cep17=2.2)["ish_group"] == "1"
    found = one(ish_ratio=1.2, ish_copies=6.6, ish_cep17=2.2, ihc="3+")
    assert found["flags"] == "ratio_contradicts_copies"
    assert one(ish_ratio=2.9, ish_copies=6.6, ish_cep17=2.2, ihc="3+")["flags"] == ""
    # on both sides of the bound: no group, and no status unless both give it
    assert answer(ish_ratio=2.5, ish_copies=5.0, ish_cep17=5.0, ihc="1+")[:2] == ("", "ratio_required")
    assert answer(ish_ratio=2.5, ish_copies=5.0, ish_cep17=5.0, ihc="3+")[0] == "positive"
    assert answer(ish_ratio=4.9, ish_copies=6.6, ish_cep17=2.2, ihc="1+")[0] == "positive"


def test_cep17_without_signals_is_no_single_probe() -> None:
    assert answer(ish_copies=6.0, ish_cep17=0, ihc="2+")[:2] == ("", "ratio_required")


def test_a_word_of_databases_is_no_score() -> None:
    with pytest.raises(ParameterError, match="leave the field empty, or write null"):
        one(ihc="NULL")
    assert one(ihc="null")["tissue_class"] == "HER2-null"


def test_no_signal_at_all_is_flagged() -> None:
    assert answer(ish_ratio=0, ish_copies=0, ihc="2+") == ("negative", "", "ish_without_signal")


@pytest.mark.parametrize(
    ("recount", "expected"),
    [
        ({"ish_recount_ratio": 1.6, "ish_recount_copies": 5.1, "ish_recount_cells": 20}, ("negative", "", "")),
        ({"ish_recount_ratio": 2.1, "ish_recount_copies": 5.1, "ish_recount_cells": 20},
         ("", "adjudication_required", "")),
        ({"ish_recount_ratio": 1.6, "ish_recount_copies": 5.1, "ish_recount_cells": 19},
         ("", "recount_required", "recount_cells_under_20")),
        ({"ish_recount_ratio": 1.6, "ish_recount_copies": 5.1},
         ("", "recount_required", "recount_cells_not_given")),
        ({"ish_recount": "unchanged", "ish_recount_ratio": 2.1, "ish_recount_copies": 5.1, "ish_recount_cells": 40},
         ("", "adjudication_required", "recount_contradicts_its_numbers")),
        ({"ish_recount": "unchanged", "ish_recount_cells": 19}, ("", "recount_required", "recount_cells_under_20")),
        ({"ish_recount": "changed", "ish_recount_ratio": 2.1, "ish_recount_copies": 5.1, "ish_recount_cells": 12},
         ("", "recount_required", "recount_cells_under_20")),
        ({"ish_recount": "unchanged", "ish_recount_cells": 20}, ("negative", "", "")),
        ({"ish_recount": "adjudicated"}, ("negative", "", "")),
    ],
)  # fmt: skip
def test_recount_in_numbers(recount: dict[str, object], expected: tuple[str, str, str]) -> None:
    assert answer(ihc="2+", ish_ratio=1.5, ish_copies=4.6, **recount) == expected


# --- the score by percentages -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("intense", "weak", "incomplete", "faint", "score", "flag"),
    [
        (11, 0, 0, 0, "3+", ""), (10, 0, 0, 0, "2+", "unusual_pattern"), (10, 11, 0, 50, "2+", ""),
        (0, 11, 0, 0, "2+", ""), (0, 10, 0, 11, "1+", ""), (0, 0, 0, 11, "1+", ""), (0, 0, 0, 10, "ultralow", ""),
        (0, 0, 0, 0.5, "ultralow", ""), (0, 0, 0, 0, "null", ""), (0, 0, 30, 10, "2+", "unusual_pattern"),
        (0, 5, 0, 5, "", "pattern_not_covered"), (0, 0, 5, 0, "", "pattern_not_covered"),
        (None, None, None, 40, "", "percentages_incomplete"), (60, None, None, None, "3+", ""),
        (0, 0, None, 100, "1+", ""), (0, 0, 0, None, "", "percentages_incomplete"),
    ],
)  # fmt: skip
def test_score_by_percentages(
    intense: float, weak: float, incomplete: float, faint: float, score: str, flag: str
) -> None:
    rows = {"ihc_complete_intense": [intense, 0], "ihc_complete_weak": [weak, 0],
            "ihc_incomplete_intense": [incomplete, 0], "ihc_incomplete_faint": [faint, 80]}  # fmt: skip
    found = tl.tissue_status(pd.DataFrame(rows)).iloc[0]
    assert (found["ihc_score"], found["flags"]) == (score, flag)
    assert (found["step"] == "ihc_review_required") == (score == "")


def test_reported_score_is_refined_by_percentages_and_never_overruled() -> None:
    percent = {"ihc_complete_intense": 0, "ihc_complete_weak": 0, "ihc_incomplete_intense": 0}
    assert one(ihc="0", ihc_incomplete_faint=5, **percent)["tissue_class"] == "HER2-ultralow"
    assert one(ihc="0", ihc_incomplete_faint=0, **percent)["tissue_class"] == "HER2-null"
    assert answer(ihc="1+", ihc_incomplete_faint=5, **percent) == (
        "", "ihc_review_required", "score_contradicts_percentages",
    )  # fmt: skip
    # amplified is positive whatever the score
    assert answer(ihc="1+", ihc_incomplete_faint=5, ish_ratio=3.0, ish_copies=7.0, **percent)[0] == "positive"


# --- ways of writing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("written", "score"),
    [("2", "2+"), ("2+", "2+"), (2, "2+"), (2.0, "2+"), ("++", "2+"), ("Equivocal", "2+"), (" 3+ ", "3+"), (0, "0"),
     ("0", "0"), ("1", "1+"), ("ULTRALOW", "ultralow"), ("Null", "null"), ("", ""), (None, ""), (np.nan, ""),
     ("not done", ""), (pd.NA, ""), ("[Not Available]", ""), ("Not evaluated", ""), ("Score 3+", "3+"),
     ("HER2: 2+", "2+"), ("IHC 1+", "1+")],
    ids=repr,
)  # fmt: skip
def test_ways_to_write_a_score(written: object, score: str) -> None:
    assert one(ihc=written)["ihc_score"] == score


@pytest.mark.parametrize("written", ["negative", "positive", "HER2-low", "HER2-0", "IHC negative"])
def test_results_are_no_scores(written: str) -> None:
    with pytest.raises(ParameterError, match="a result and no score"):
        one(ihc=written)


@pytest.mark.parametrize(
    "row",
    [
        {"ihc": "2.5"}, {"ihc": "4+"}, {"ihc": True}, {"ihc": "1-2+"}, {"ish_ratio": "2,1"}, {"ish_ratio": "> 2"},
        {"ish_copies": -1}, {"ish_copies": np.inf}, {"ish_ratio": True}, {"ish_copies": dt.date(2024, 5, 1)},
        {"ish_copies": pd.Timestamp("2024-05-01")}, {"ihc": "2+", "ish_recount": "same"},
        {"ish_copies": 5, "ish_probe": "triple"}, {"ish_ratio": 2.0, "ish_probe": "single"},
        {"ihc_complete_intense": 80, "ihc_complete_weak": 30}, {"ihc_complete_intense": -1},
        {"ihc_complete_intense": 0.8, "ihc_complete_weak": 0.1},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        one(**row)


@pytest.mark.parametrize("written", ["HER2 +", "HER2+", "HER2 ++", "HER2-"])
def test_a_plus_behind_her2_is_no_score(written: str) -> None:
    with pytest.raises(ParameterError, match="expected one of 0, null"):
        one(ihc=written)


@pytest.mark.parametrize(
    ("written", "status"),
    [("pos", "positive"), ("Neg", "negative"), ("FISH amplified", "positive"), ("ISH: non amplified", "negative")],
)
def test_ways_to_report_hybridisation(written: str, status: str) -> None:
    assert one(ihc="2+", ish_result=written)["status"] == status


def test_faulty_rows_are_named() -> None:
    table = pd.DataFrame({"ish_ratio": ["1.2", "x", "", "2;1"]}, index=["a", "b", "c", "d"])
    with pytest.raises(ParameterError, match=r"row 'b' has 'x', row 'd' has '2;1'"):
        tl.tissue_status(table)


def test_tables_without_pathology_and_other_things_are_refused() -> None:
    with pytest.raises(MissingKeyError, match="ish_copies"):
        tl.tissue_status(pd.DataFrame({"donor": ["A"]}))
    with pytest.raises(ParameterError, match="DataFrame"):
        tl.tissue_status({"ihc": "2+"})
    with pytest.raises(ParameterError, match="asco_cap_2018"):
        tl.tissue_status(pd.DataFrame({"ihc": ["2+"]}), rule="asco_cap_2013")
    twice = pd.DataFrame([["2+", "3+"]], columns=["ihc", "ihc"])
    with pytest.raises(ParameterError, match="2 times"):
        tl.tissue_status(twice)


def test_empty_table_and_odd_indices_keep_their_shape() -> None:
    assert len(tl.tissue_status(pd.DataFrame({"ihc": []}))) == 0
    table = pd.DataFrame({"ihc": ["3+", "1+"]}, index=[7, 7])
    found = tl.tissue_status(table)
    assert found.index.tolist() == [7, 7]
    assert found["status"].tolist() == ["positive", "negative"]
    assert table.columns.tolist() == ["ihc"]
    assert tl.tissue_status(table.astype("category"))["status"].tolist() == ["positive", "negative"]


# --- real reports -------------------------------------------------------------------------------------------------
def test_registry_of_words_and_numbers(shared_data: Path) -> None:
    """TCGA: the class that others derived from IHC and hybridisation, of the 366 tumours that have one."""
    tcga = pd.read_csv(shared_data / "tcga_brca" / "tcga_brca_her2.csv")
    table = tcga.rename(columns={"her2_ihc_level": "ihc", "her2_ish_status": "ish_result"})
    table["ish_ratio"] = pd.to_numeric(tcga["her2_cep17_ratio"], errors="coerce")
    table["ish_copies"] = pd.to_numeric(tcga["her2_copy_number"], errors="coerce")
    found = tl.tissue_status(table[["ihc", "ish_result", "ish_ratio", "ish_copies"]])
    theirs, ours = tcga["her2_class_asco"], found[_keys.TISSUE_STATE].astype(object)
    known = theirs.isin(_keys.STATES)
    assert known.sum() == 366
    assert (theirs == ours)[known & ours.notna()].all()
    # with many copies at a low ratio, or a high ratio of few copies, 2+ has no status before its recount
    assert set(found.loc[known & ours.isna(), "step"]) == {"recount_required"}
    assert (known & ours.isna()).sum() == 6


# --- no input without an answer -----------------------------------------------------------------------------------
def maybe(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


NUMBER = st.one_of(st.floats(0, 30), st.sampled_from([0.0, 2.0, 4.0, 6.0, np.nextafter(2.0, 0), np.nextafter(6.0, 0)]))
ROW = st.fixed_dictionaries({
    "ihc": maybe(st.sampled_from(["0", "null", "ultralow", "1+", "2+", "3+"])),
    "ihc_complete_intense": maybe(st.integers(0, 25)), "ihc_complete_weak": maybe(st.integers(0, 25)),
    "ihc_incomplete_intense": maybe(st.integers(0, 25)), "ihc_incomplete_faint": maybe(st.integers(0, 25)),
    "ish_ratio": maybe(NUMBER), "ish_copies": maybe(NUMBER), "ish_cep17": maybe(NUMBER),
    "ish_recount": maybe(st.sampled_from(["unchanged", "changed", "adjudicated"])),
    "ish_recount_ratio": maybe(NUMBER), "ish_recount_copies": maybe(NUMBER),
    "ish_recount_cells": maybe(st.integers(0, 60)), "ish_probe": maybe(st.just("dual")),
    "ish_result": maybe(st.sampled_from(["positive", "negative", "equivocal"])),
})  # fmt: skip


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=20))
def test_every_row_has_a_status_or_a_step_and_does_not_depend_on_the_others(rows: list[dict[str, object]]) -> None:
    table = pd.DataFrame(rows)
    found = tl.tissue_status(table)
    assert found["step"].isin(["", *STEPS]).all()
    assert (found["status"].isna() == (found["step"] != "")).all()
    assert (found[_keys.TISSUE_STATE].notna() <= found["status"].notna()).all()
    assert ((found["status"] == "positive") == (found[_keys.TISSUE_STATE] == "HER2-positive")).all()
    assert (found["rule"] == "ASCO/CAP").all()
    assert (found["version"] == "2018, affirmed 2023").all()
    pd.testing.assert_frame_equal(tl.tissue_status(table.iloc[[-1]]), found.iloc[[-1]])


@settings(max_examples=60)
@given(ratio=maybe(NUMBER), copies=maybe(NUMBER), ihc=maybe(st.sampled_from(["0", "1+", "2+", "3+"])))
def test_a_status_given_without_a_number_holds_for_every_value_of_it(
    ratio: float | None, copies: float | None, ihc: str | None
) -> None:
    """What is said of a tissue whose ratio or copies are missing may not change once they are known."""
    alone = answer(ish_ratio=ratio, ish_copies=copies, ihc=ihc, ish_probe="dual")
    if alone[0] and (ratio is None) != (copies is None):
        filled = [
            answer(ish_ratio=value if ratio is None else ratio, ish_copies=value if copies is None else copies, ihc=ihc)
            for value in (0.0, 1.0, 2.0, 3.9, 4.0, 5.9, 6.0, 20.0)
        ]
        assert {status for status, _, _ in filled} == {alone[0]}


def test_criteria_cover_every_combination_once_looked_up() -> None:
    table = reference.tissue_decisions()
    groups = [
        "not done",
        *reference.ish_groups()["group"],
        *(f"reported {w}" for w in ("positive", "negative", "equivocal")),
    ]
    for ish in groups:
        for ihc in ("not done", "0", "1+", "2+", "3+"):
            for recount in ("", "unchanged", "changed"):
                hits = table[
                    (table["ish"] == ish)
                    & np.array([value == "any" or ihc in value.split(",") for value in table["ihc"]])
                    & table["recount"].isin(["any", recount])
                ]
                assert len(hits) >= 1, (ish, ihc, recount)
                assert bool(hits.iloc[0]["status"]) != bool(hits.iloc[0]["step"])
    assert table["source"].str.len().min() > 10
    assert set(reference.ihc_criteria()["source"].str.len() > 10) == {True}
