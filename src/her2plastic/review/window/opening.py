"""Opens what a reviewer asked for: the cells with their pictures, and the session in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from her2plastic._errors import ReviewError
from her2plastic.review.window.wish import Wish

if TYPE_CHECKING:
    from her2plastic.review.pictures import ReviewData
    from her2plastic.review.session import ReviewSession


@dataclass(frozen=True)
class Opened:
    """A review that can begin.

    Attributes
    ----------
    data
        The cells and their pictures.
    session
        The reviewer's way through them.
    left_out
        Cells that have no picture and are not shown, and why; what turns out later would name a cell that is shown.
    """

    data: ReviewData
    session: ReviewSession
    left_out: Mapping[str, str]

    def close(self) -> None:
        """Let go of the files; the session can be gone on with."""
        self.session.leave()
        self.data.pictures.close()

    def notices(self) -> str:
        """Return what a reviewer has to know before the first cell; empty where there is nothing."""
        lines = []
        if n := len(self.left_out):
            reason = next(iter(self.left_out.values()))
            lines.append(f"{_cells(n)} left out for want of a picture: {reason}")
        if n := len(self.session.gone):
            lines.append(f"{_cells(n)} of the journal not in these results any more; the decisions stay in it.")
        return "\n".join(lines)


def open_review(wish: Wish) -> Opened:
    """Open cells, journal and session.

    Raises
    ------
    Her2plasticError
        One of them cannot be used, with what to do about it.
    """
    from her2plastic.review import pictures, session

    if not wish.path:
        raise ReviewError("Cells: nothing named. Choose a results folder of `her2plastic slide`, or one of its files")
    if not wish.reviewer:
        raise ReviewError("Reviewer: nobody named. Type your initials, so that your decisions are known to be yours")
    settings = None if wish.settings is None else session.ReviewSettings(**wish.settings)
    with ExitStack() as undo:
        data = pictures.open_review_data(wish.results_path(), images=wish.images_path())
        undo.callback(data.pictures.close)
        data.pictures.display_ranges()  # measured once; what is wrong with it is said before a session begins
        left_out = data.pictures.missing
        made = session.ReviewSession(
            data.adata, wish.journal_path(), wish.reviewer, settings,
            data={"name": data.name, "fingerprint": data.fingerprint}, missing=left_out,
        )  # fmt: skip
        undo.pop_all()
    return Opened(data, made, left_out)


def _cells(n: int) -> str:
    return f"{n:,} cell is" if n == 1 else f"{n:,} cells are"
