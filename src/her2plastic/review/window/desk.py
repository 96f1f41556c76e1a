"""The desk: what happens when a key is pressed. A decision is on disk before the next cell is on the stage."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject, Signal

from her2plastic import _keys
from her2plastic._errors import Her2plasticError
from her2plastic.review.window import actions
from her2plastic.review.window.actions import KeyTable
from her2plastic.review.window.shortcuts import HOME
from her2plastic.review.window.shown_cell import shown_cell

if TYPE_CHECKING:
    from her2plastic.review.window.cover import Cover
    from her2plastic.review.window.message_line import MessageLine
    from her2plastic.review.window.opening import Opened
    from her2plastic.review.window.panel import ReviewPanel
    from her2plastic.review.window.slide_view import SlideView
    from her2plastic.review.window.stage import Stage

#: Side of what is shown of a cell, and of a cell with its neighbours, micrometres.
SIDE_UM: Final = {"cell": 32.0, "context": 120.0}
#: Cells that are read ahead.
_AHEAD: Final = 12
_DONE: Final = "Every cell is decided"

logger = logging.getLogger(__name__)


class Desk(QObject):
    """Brings session, pictures and window together.

    Parameters
    ----------
    opened
        What is reviewed.
    stage, cover, panel, message, slide_view
        The parts of the window.
    keys
        Key of each action.
    """

    #: The cell that is shown, by its name.
    shows = Signal(str)
    #: Gallery or keys are asked for.
    wants = Signal(str)
    #: Every cell of the queue is decided.
    finished = Signal()

    def __init__(
        self,
        opened: Opened,
        *,
        stage: Stage,
        cover: Cover,
        panel: ReviewPanel,
        message: MessageLine,
        slide_view: SlideView,
        keys: KeyTable,
    ) -> None:
        super().__init__()
        self.opened, self.session, self.pictures = opened, opened.session, opened.data.pictures
        self._stage, self._cover, self._panel, self._message = stage, cover, panel, message
        self._slide_view, self._keys = slide_view, keys
        self._ranges = self.pictures.display_ranges()
        self._picture: Any = None
        self.view = "cell"
        self._at_end = self.session.finished
        self._said_done = False

    # --- keys ---------------------------------------------------------------------------------------------------------
    def act(self, name: str) -> None:
        """Do what a key stands for; say in the window why it cannot be done."""
        if name in _keys.REVIEW_DECISIONS:
            self._guarded(lambda: self._decide(name))
            return
        steps: dict[str, Callable[[], None]] = {
            actions.FORWARD: self._forward,
            actions.BACK: self._back,
            actions.UNDO: self._undo,
            actions.FLAG: self._flag,
            actions.NOTE: self._panel.write_note,
            actions.OUTLINE: self._toggle_outlines,
            actions.CONTEXT: lambda: self._look("context"),
            actions.SLIDE: lambda: self._look("slide"),
            HOME: self._go_home,
        }
        if name in steps:
            self._guarded(steps[name])
        else:
            self.wants.emit(name)

    def keep_note(self) -> bool:
        """Write the note that was typed on the cell that is shown; False where it could not be, and is still there."""
        return self._guarded(self._keep_typed)

    def set_keys(self, keys: KeyTable) -> None:
        """Name other keys in what is said."""
        self._keys = keys
        self.tell()

    def begin(self) -> bool:
        """Show the first cell; False where something is wrong, which is said in the window."""
        return self._guarded(self.show) and self._guarded(self.tell_end)

    def tell(self) -> None:
        """Show anew what may be known; say in the window where the journal cannot be read."""
        self._guarded(self.show_facts)

    def end(self) -> None:
        """Take what was put on the canvas off it."""
        self._slide_view.take_off()

    def _guarded(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except (Her2plasticError, OSError) as fault:
            logger.info("the review goes on after: %s", fault)
            self._message.say(str(fault), "error")
            return False
        return True

    # --- what a reviewer does -----------------------------------------------------------------------------------------
    def _decide(self, word: str) -> None:
        if self._picture is None:
            self._message.say("Nothing was decided: there is no picture of this cell. → goes on.", "warning")
            return
        if self._at_end:  # a key too many would change the last cell
            self._message.say(f"{self._done} Nothing was changed: the arrows lead to a cell that is to be.", "good")
            return
        self._keep_typed()
        self.session.decide(word, seen=self._seen())
        self._message.be_quiet()
        self.show()
        self._at_end, self._said_done = self.session.finished, False
        self.tell_end()

    def tell_end(self) -> None:
        """Say once that nothing is left to decide, and how many cells could not be."""
        done, before = self.session.finished, self._said_done
        self._said_done = done
        if done and not before:
            self._message.say(f"{self._done} “Close session” ends the blinding.", "good")
            self.finished.emit()

    @property
    def _done(self) -> str:
        """What is said at the end."""
        n = len(self.session.missing)
        return f"{_DONE}; {n:,} cell{'' if n == 1 else 's'} had no picture." if n else f"{_DONE}."

    def _forward(self) -> None:
        self._keep_typed()
        self._move(self.session.forward(), "This is the last cell.")

    def _back(self) -> None:
        self._keep_typed()
        self._move(self.session.back(), "This is the first cell.")

    def _move(self, moved: bool, words: str) -> None:
        self._at_end = False
        if moved:
            self._message.be_quiet()
            self.show()
            self.tell_end()
        else:
            self._message.say(words)

    def go_to(self, cell_id: str) -> bool:
        """Show a cell of the queue; False where it is not in it, or a note that was typed cannot be kept."""
        if not self.keep_note():
            return False
        if not self.session.go_to(cell_id):
            self._message.say("That cell is not in the queue of this session.")
            return False
        self._at_end = False
        self._message.be_quiet()
        self.show()
        self.tell_end()
        return True

    def _undo(self) -> None:
        if self._panel.typed:
            self._panel.empty_note()
            self._message.say("Taken back: the note that was being written.")
            return
        undone = self.session.undo()
        if undone is None:
            self._message.say("There is nothing to take back in this session.")
            return
        self._at_end = self._said_done = False
        self.show()
        self._message.say(f"Taken back: {undone.value if undone.kind == 'decision' else 'the ' + undone.kind}.")

    def _flag(self) -> None:
        self.session.flag(seen=self._seen())
        self.show_facts()

    def _keep_typed(self) -> None:
        """Write what stands in the field of the note: left there, it would be taken for a note on the next cell."""
        if text := self._panel.typed:
            self.session.note(text, seen=self._seen())
            self._panel.empty_note()
            self.show_facts()

    def _seen(self) -> dict[str, Any]:
        """Return what is on the screen, for the journal."""
        return {
            "image": self._picture.digest if self._picture is not None else "",
            "ranges": {name: [float(low), float(high)] for name, (low, high) in self._ranges.items()},
            "outlines": self._stage.outlines,
            "view": self.view,
        }

    # --- what is shown ------------------------------------------------------------------------------------------------
    def show(self) -> None:
        """Show the cell that the session is at."""
        cell_id = self.session.current[0]
        self._picture, reason = None, self.pictures.missing.get(cell_id)
        if reason is None:
            try:
                self._picture = self.pictures.crop(cell_id, size_um=self._side)
            except (Her2plasticError, OSError) as fault:
                reason = str(fault)
        if self._picture is not None:
            self.session.picture_found(cell_id)
            self._stage.show_cell(shown_cell(self._picture, self._ranges))
        else:
            self.session.picture_lost(cell_id, reason or "")
            told = self.session.why_no_picture(reason or "")
            self._stage.show_words(f"There is no picture of this cell.\n\n{told}\n\n→ goes on to the next.")
            if self.view == "slide":  # the slide would still show the cell before
                self._turn_view("cell")
        self.show_facts()
        if self.view == "slide":
            self._slide_view.show(cell_id)
        self.pictures.prefetch(self.session.upcoming(_AHEAD), size_um=self._side)
        self.shows.emit(cell_id)

    @property
    def _side(self) -> float:
        return SIDE_UM["context" if self.view == "context" else "cell"]

    def show_facts(self) -> None:
        """Show progress, counts, and what may be known of the cell."""
        session, cell_id = self.session, self.session.current[0]
        progress = session.progress
        decision = session.decision_of(cell_id) or ""
        notes = session.notes_of(cell_id)
        self._panel.show_progress(session.position, progress)
        self._panel.show_cell(
            "" if session.blind else session.name_of(cell_id), session.facts(cell_id), decision,
            flagged=session.flagged(cell_id), note=notes[-1] if notes else "",
        )  # fmt: skip
        self._panel.show_others(session.others(cell_id))
        self._panel.show_last(session.to_take_back, self._keys.shown(actions.UNDO))
        self._panel.set_state(blind=session.blind, closed=session.closed, finished=session.finished)
        self._stage.set_decision(decision)

    def _toggle_outlines(self) -> None:
        self._stage.set_outlines(not self._stage.outlines)
        self._panel.caps[actions.OUTLINE].set_on(self._stage.outlines)

    def _go_home(self) -> None:
        """Give up the note that is being written, or else come back to the cell."""
        if self._panel.typed:
            self._panel.empty_note()
        elif self.view != "cell":
            self._look(self.view)

    def _look(self, view: str) -> None:
        """Show the cell, its neighbours, or the slide; the key of a view leads back from it, too."""
        self._turn_view("cell" if view == self.view else view)
        self.show()

    def _turn_view(self, view: str) -> None:
        self.view = view
        self._cover.set_on(view != "slide")
        for name in (actions.CONTEXT, actions.SLIDE):
            self._panel.caps[name].set_on(view == name)
