"""A review without any window: which cells, in which order, what may be shown, and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.review.session.blinding import OthersDecision
    from her2plastic.review.session.progress import Progress
    from her2plastic.review.session.reviewing import ReviewSession
    from her2plastic.review.session.settings import ReviewSettings
    from her2plastic.review.session.unfinished import UnfinishedSession, unfinished_sessions

__all__ = [
    "OthersDecision",
    "Progress",
    "ReviewSession",
    "ReviewSettings",
    "UnfinishedSession",
    "unfinished_sessions",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "blinding": ["OthersDecision"],
        "progress": ["Progress"],
        "reviewing": ["ReviewSession"],
        "settings": ["ReviewSettings"],
        "unfinished": ["UnfinishedSession", "unfinished_sessions"],
    },
)
