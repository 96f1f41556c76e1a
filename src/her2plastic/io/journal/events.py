"""What stands in a journal: the head of a session, its events, and the digests that chain them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any, Final, Literal

import numpy as np

from her2plastic._errors import ParameterError

Kind = Literal["opened", "decision", "note", "flag", "undo", "closed"]
#: What an event may be. An undo names the event that it takes back; nothing is ever changed or deleted.
KINDS: Final = ("opened", "decision", "note", "flag", "undo", "closed")
#: What an undo may take back.
UNDOABLE: Final = ("decision", "note", "flag")
#: What a flag is put to.
FLAGGED: Final = "flagged"
UNFLAGGED: Final = "unflagged"

#: They are not printed, but belong to the spelling of names, such as Persian ones.
_JOINERS: Final = {0x200C: None, 0x200D: None}

#: A cell and why it is shown: one step of a queue.
Item = tuple[str, str]


@dataclass(frozen=True)
class SessionHead:
    """What is known of a session from its first moment on.

    Attributes
    ----------
    session
        Unique name.
    reviewer
        Who reviews.
    begun
        When it began, UTC, ISO 8601.
    settings
        How the queue was made and what is hidden.
    queue
        The cells in the order in which they are shown, each with its round (one of ``REVIEW_ROUNDS``).
    data
        Which data set was reviewed: name and fingerprint.
    digest
        Of all of this; the chain of the session's events hangs on it.
    """

    session: str
    reviewer: str
    begun: str
    settings: Mapping[str, Any]
    queue: tuple[Item, ...]
    data: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Event:
    """One thing that happened in a session.

    Attributes
    ----------
    event, session
        Unique names of the event and of its session.
    place
        Number of the event in its session, from 0.
    at
        When, UTC, ISO 8601 with microseconds; later than the event before it in the session.
    kind
        One of ``KINDS``.
    cell_id
        The cell; empty for what is of no cell.
    round
        Why the cell was shown, one of ``REVIEW_ROUNDS``; empty where there is no cell.
    value
        The decision, the text of a note, or ``"flagged"`` or ``"unflagged"``.
    takes_back
        The event that an undo takes back; empty otherwise.
    seen
        What was on the screen, as JSON.
    after
        Digest of the event before, or of the head of the session.
    digest
        Of the event and ``after``: a changed or a missing event breaks the chain.
    """

    event: str
    session: str
    place: int
    at: str
    kind: str
    cell_id: str
    round: str
    value: str
    takes_back: str
    seen: str
    after: str
    digest: str = ""


EVENT_COLUMNS: Final = tuple(entry.name for entry in fields(Event))


def digest_of_event(event: Event) -> str:
    """Return the digest of an event, whatever stands in its ``digest``."""
    return _digest([getattr(event, name) for name in EVENT_COLUMNS if name != "digest"])


def digest_of_head(session: str, reviewer: str, begun: str, settings: str, queue: str, data: str) -> str:
    """Return the digest of the head of a session from its columns as they are stored."""
    return _digest([session, reviewer, begun, settings, queue, data])


def _digest(values: list[Any]) -> str:
    # what is scrambled may hold bytes: then the digest is another, which is what it is for
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=repr)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def as_json(value: object, *, name: str) -> str:
    """Return plain values, numpy's included, as JSON in one line; numbers that are not finite become null."""
    try:
        return json.dumps(_plain(value, name), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except RecursionError as fault:
        raise ParameterError(f"{name} holds itself: expected plain values, lists and mappings") from fault


def _plain(value: object, name: str) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {checked_text(str(key), name=name): _plain(entry, name) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        entries = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(entry, name) for entry in entries]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return checked_text(value, name=name)
    if value is None or isinstance(value, bool | int):
        return value
    raise ParameterError(
        f"{name} holds a {type(value).__name__}: expected text, numbers, true, false, lists and mappings"
    )


def checked_text(text: object, *, name: str) -> str:
    """Return text that any file can hold, or raise ParameterError."""
    if not isinstance(text, str):
        raise ParameterError(f"{name}: expected text, not a {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise ParameterError(f"{name} holds half a character (a lone surrogate) at place {fault.start}") from fault
    return text


def checked_reviewer(name: object) -> str:
    """Return the name of a reviewer without spaces around it, or raise ParameterError."""
    text = checked_text(name, name="reviewer").strip()
    seen = text.translate(_JOINERS)
    if not seen or not seen.isprintable():
        raise ParameterError(
            f"reviewer={name!r}: expected initials or a name, in one line and without signs that cannot be seen"
        )
    return text
