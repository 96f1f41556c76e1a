"""When a session is done, and what its undo would take back."""

from __future__ import annotations

from tests.review.session.conftest import Opening
from tests.review.session.reviewed_cells import PLAIN

from her2plastic.review.session import ReviewSettings


def test_a_picture_that_is_lost_does_not_keep_a_session_open(begin: Opening) -> None:
    session = begin("AB", ReviewSettings(order="random", target=4, repeat_share=0.0))
    lost = session.queue[1][0]
    session.picture_lost(lost, "its image is damaged")
    while session.progress.done < 3:
        if session.current[0] == lost:
            session.forward()
        assert not session.finished
        session.decide("HER2-0")
    assert session.finished
    session.picture_found(lost)
    assert not session.finished
    assert session.missing == {}


def test_what_an_undo_takes_back_is_known_before(begin: Opening) -> None:
    session = begin("AB", PLAIN)
    assert session.to_take_back is None
    session.decide("HER2-0")
    session.note("dim")
    session.flag()
    session.leave()
    again = begin("AB")
    for kind in ("flag", "note", "decision"):
        known = again.to_take_back
        assert known is not None
        assert known.kind == kind
        assert again.undo() == known
    assert again.to_take_back is None
    again.decide("HER2-0")
    again.close()
    assert again.to_take_back is None
