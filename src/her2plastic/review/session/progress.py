"""What a session has come to, from its events alone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from her2plastic._keys import REVIEW_DECISIONS
from her2plastic.io.journal.events import FLAGGED, Event, Item
from her2plastic.io.journal.standing import not_undone


@dataclass(frozen=True)
class Progress:
    """How far a session is.

    Attributes
    ----------
    done, total
        Steps of the queue that are decided, and all of them; repeats count, for they are not to be told apart.
    counts
        How many steps were decided how, in the order of ``REVIEW_DECISIONS``.
    flagged
        Steps with a flag.
    """

    done: int
    total: int
    counts: Mapping[str, int]
    flagged: int


@dataclass
class Ledger:
    """What stands of the events of a session, kept up to date event by event."""

    events: list[Event] = field(default_factory=list)
    decisions: dict[Item, str] = field(default_factory=dict)
    notes: dict[Item, list[str]] = field(default_factory=dict)
    flags: set[Item] = field(default_factory=set)
    standing: list[Event] = field(default_factory=list)
    closed: bool = False

    def add(self, event: Event) -> None:
        """Take one more event in."""
        self.events.append(event)
        if event.kind == "undo":
            self.standing = not_undone(self.events)
            self.decisions, self.notes, self.flags = {}, {}, set()
            for kept in self.standing:
                self._apply(kept)
            return
        self.closed = self.closed or event.kind == "closed"
        if event.kind in ("decision", "note", "flag"):
            self.standing.append(event)
            self._apply(event)

    def _apply(self, event: Event) -> None:
        item = event.cell_id, event.round
        if event.kind == "decision":
            self.decisions[item] = event.value
        elif event.kind == "note":
            self.notes.setdefault(item, []).append(event.value)
        elif event.value == FLAGGED:
            self.flags.add(item)
        else:
            self.flags.discard(item)

    def progress(self, items: Sequence[Item]) -> Progress:
        """Return how far the steps of a queue are."""
        times = Counter(self.decisions[item] for item in items if item in self.decisions)
        return Progress(times.total(), len(items), {word: times[word] for word in REVIEW_DECISIONS}, len(self.flags))


def start_of(queue: Sequence[Item], shown: Sequence[int], ledger: Ledger) -> int:
    """Return the step of the queue at which a session goes on: where it stood after its last event.

    ``shown`` are the steps that can be shown, rising: those whose cells are in the data.
    """
    steps = {item: step for step, item in enumerate(queue)}
    for event in reversed(ledger.events):
        step = steps.get((event.cell_id, event.round))
        if step is None:
            continue
        stays = event.kind != "decision" and step in set(shown)
        return step if stays else next_step(queue, shown, ledger, after=step)
    return next_step(queue, shown, ledger, after=-1)


def next_step(queue: Sequence[Item], shown: Sequence[int], ledger: Ledger, *, after: int) -> int:
    """Return the next step that is not decided yet, if need be from the beginning; where all are, the nearest step."""
    start = bisect_right(shown, after)
    for step in chain(islice(shown, start, None), islice(shown, start)):
        if queue[step] not in ledger.decisions:
            return step
    return min(shown, key=lambda step: abs(step - after))
