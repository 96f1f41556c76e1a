"""What a blinded reviewer is shown, and what is shown to those who settle differences."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from anndata import AnnData
from tests.review.session.conftest import Opening
from tests.review.session.reviewed_cells import PLAIN

from her2plastic import io
from her2plastic._errors import ReviewError
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session import ReviewSession, ReviewSettings, unfinished_sessions
from her2plastic.review.session.blinding import hidden_columns

OPEN = ReviewSettings(order="random", target=None, repeat_share=0.0, blinded=False)
FEW = ReviewSettings(order="random", filters=("my_row=..11",), repeat_share=0.0)
ADJUDICATE = ReviewSettings(adjudicate=True)


def everything_told(session: ReviewSession, cell: str) -> str:
    return repr((session.facts(cell), session.name_of(cell), session.others(cell), sorted(session.hidden_columns())))


def decide_all(session: ReviewSession, words: dict[str, str], *, default: str = "HER2-0") -> None:
    while not session.finished:
        session.decide(words.get(session.current[0], default))


def test_a_blinded_reviewer_learns_nothing_of_call_patient_draw_and_others(begin: Opening, adata: AnnData) -> None:
    adata.obs["my_comment"] = "HER2-positive"
    other = begin("CD", PLAIN)
    other.decide("HER2-positive")
    other.note("surely positive")
    blind = begin("AB", PLAIN)
    for cell, _ in blind.queue:
        told = {**blind.facts(cell), "name": blind.name_of(cell)}
        assert set(told) <= {"kind", "touches_edge", "name"}
        assert re.fullmatch(r"cell \d+", told["name"])
        assert blind.others(cell) == ()
    assert blind.hidden_columns() == set(adata.obs.columns) - {"kind"} == hidden_columns(adata)
    with pytest.raises(ReviewError, match="the decisions of others are hidden until the session is closed"):
        blind.decisions_of_all()


def test_closing_lifts_the_blinding(begin: Opening) -> None:
    other = begin("CD", PLAIN)
    cell = other.current[0]
    other.decide("HER2-positive")
    other.go_to(cell)
    other.note("surely positive")
    blind = begin("AB", PLAIN)
    blind.decide("HER2-0")
    blind.close()
    assert not blind.blind
    facts = blind.facts(cell)
    assert facts["donor_id"].startswith("patient of ")
    assert {"draw_day", "her2_if_call", "ctc_probability", "slide_id"} <= set(facts)
    assert blind.name_of(cell) == cell
    (told,) = blind.others(cell)
    assert (told.reviewer, told.round, told.decision, told.notes) == (
        "CD", "review", "HER2-positive", ("surely positive",),
    )  # fmt: skip
    assert set(blind.decisions_of_all()["reviewer"]) == {"AB", "CD"}
    assert blind.hidden_columns() == frozenset()


def test_an_open_session_shows_what_others_decided(begin: Opening) -> None:
    other = begin("CD", OPEN)
    cell = other.current[0]
    other.decide("HER2-positive")
    session = begin("AB", OPEN)
    assert session.others(cell)[0].decision == "HER2-positive"
    assert session.facts(cell)["donor_id"].startswith("patient of ")
    other.undo()
    assert session.others(cell) == ()  # as it stands now, not as it stood when it was first asked


def test_blinding_is_kept_with_each_decision(begin: Opening, journal: Path) -> None:
    begin("AB", PLAIN).decide("HER2-0")
    begin("CD", OPEN).decide("HER2-0")
    assert io.read_decisions(journal).set_index("reviewer")["blinded"].to_dict() == {"AB": True, "CD": False}


# --- adjudication -------------------------------------------------------------------------------------------------
@pytest.fixture
def differing(begin: Opening, adata: AnnData) -> list[str]:
    """Two closed reviews that differ on four cells; both are unsure of a fifth."""
    cells = list(adata.obs["cell_id"][:5])
    adata.obs["my_row"] = range(len(adata))
    first, second = begin("AB", FEW), begin("CD", FEW)
    decide_all(first, {cells[0]: "HER2-low", cells[1]: "unsure", cells[4]: "unsure"})
    decide_all(second, {cells[2]: "not a CTC", cells[3]: "HER2-low", cells[4]: "unsure"})
    first.close()
    second.close()
    return cells[:4]


def test_cells_on_which_reviewers_differ_are_settled(begin: Opening, journal: Path, differing: list[str]) -> None:
    session = begin("EF", ADJUDICATE)
    assert {why for _, why in session.queue} == {"adjudication"}
    assert {cell for cell, _ in session.queue} == set(differing)
    told = {entry.reviewer: entry.decision for entry in session.others(differing[2])}
    assert told == {"AB": "HER2-0", "CD": "not a CTC"}  # both decisions, though patient and call are hidden
    assert "donor_id" not in session.facts(differing[2])
    decide_all(session, {}, default="HER2-low")
    settled = io.read_decisions(journal, rounds=["adjudication"])
    assert set(settled["cell_id"]) == set(differing)
    assert set(settled["decision"]) == {"HER2-low"}
    assert len(io.read_decisions(journal, reviewers=["AB"])) == 12  # theirs stand as they stood


def test_what_is_settled_comes_again_only_if_decided_anew(begin: Opening, differing: list[str]) -> None:
    session = begin("EF", ADJUDICATE)
    decide_all(session, {})
    session.close()
    with pytest.raises(ReviewError, match="nothing to adjudicate: 3 reviewers in the journal"):
        begin("EF", ADJUDICATE)
    anew = begin("AB", ReviewSettings(order="random", target=None, repeat_share=0.0, seed=1))
    anew.go_to(differing[0])
    anew.decide("HER2-positive")
    anew.close()
    assert {cell for cell, _ in begin("EF", ADJUDICATE).queue} == {differing[0]}


def test_an_adjudication_is_gone_on_with(begin: Opening, differing: list[str]) -> None:
    session = begin("EF", ADJUDICATE)
    session.decide("HER2-0")
    session.leave()
    again = begin("EF", ADJUDICATE)
    assert (again.resumed, again.position, again.progress.done) == (True, 1, 1)


def test_whoever_is_still_blinded_does_not_settle(begin: Opening, differing: list[str]) -> None:
    begin("AB", ReviewSettings(order="random", seed=3))
    with pytest.raises(ReviewError, match="AB has a blinded session that is not closed.*close that session first"):
        begin("AB", ADJUDICATE)
    assert len(begin("EF", ADJUDICATE).queue) == 4


def test_an_open_session_waits_until_the_blinded_one_is_closed(begin: Opening, journal: Path) -> None:
    open_before = begin("AB", OPEN)
    open_before.leave()
    blind = begin("AB", PLAIN)
    blind.leave()
    with closing(Journal(journal)) as opened:  # it is gone on with all the same, as if it had been used last
        opened.append(open_before.session, "opened", follows=opened.events()[0].digest)
    for settings in (OPEN, ReviewSettings(order="slide", blinded=False)):  # gone on with, and begun
        with pytest.raises(ReviewError, match="AB has a blinded session that is not closed .*close that session first"):
            begin("AB", settings)
    begin("CD", OPEN).leave()
    assert unfinished_sessions(journal, reviewer="AB")[0].session == blind.session
    again = begin("AB")
    assert again.session == blind.session
    again.close()
    assert begin("AB", OPEN).session == open_before.session


def test_adjudication_goes_by_filters_and_needs_differences(
    begin: Opening, journal: Path, differing: list[str]
) -> None:
    kept = {cell for cell in differing if cell.startswith("s1:")}
    assert {cell for cell, _ in begin("EF", ReviewSettings(adjudicate=True, filters=("slide_id=s1",))).queue} == kept
    with pytest.raises(ReviewError, match="none of the 4 cells on which they differ is here"):
        begin("EF", ReviewSettings(adjudicate=True, filters=("my_column=4",)))


def test_a_lone_reviewer_has_nothing_to_settle(begin: Opening) -> None:
    session = begin("AB", PLAIN)
    session.decide("HER2-0")
    session.close()
    with pytest.raises(ReviewError, match="nothing to adjudicate: 1 reviewer in the journal, and none differ"):
        begin("AB", ADJUDICATE)


def test_a_journal_that_is_not_there_has_nothing_to_settle(begin: Opening, journal: Path) -> None:
    with pytest.raises(ReviewError, match="nothing to adjudicate"):
        begin("AB", ADJUDICATE)
    assert not journal.exists()
