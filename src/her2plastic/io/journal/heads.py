"""The head of a session, to and from its row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from her2plastic.io.journal.events import SessionHead

HEAD_COLUMNS: Final = ("session", "reviewer", "begun", "settings", "queue", "data", "digest")


def head_of_row(row: Sequence[Any]) -> SessionHead:
    """Return the head of a session from its row."""
    session, reviewer, begun, settings, queue, data, digest = row
    items = tuple((str(cell_id), str(why)) for cell_id, why in json.loads(queue))
    return SessionHead(session, reviewer, begun, json.loads(settings), items, json.loads(data), digest)
