"""What goes with every step: it is announced and timed, and what it warns of is noted."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from her2plastic._errors import ChannelError, GeneError, Her2plasticWarning, ReviewError, UnitError
from her2plastic.run.interruption import go_on

log = logging.getLogger(__name__)

#: Called as a step begins, with its name and what it does in words.
Listener = Callable[[str, str], None]


class StepClock:
    """Announces and times the steps, and gathers their warnings.

    Parameters
    ----------
    listen
        Called as each step begins.
    words
        What each step does.
    """

    def __init__(self, listen: Listener | None, words: Mapping[str, str]) -> None:
        self._listen = listen
        self._words = words
        self.notes: list[str] = []
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, *, may_fail: bool = False, told: bool = False) -> Iterator[None]:
        """Run the block as a step. One that may fail leaves a note where the data do not hold what it needs.

        ``told`` says that the step was announced before, and goes on.
        A step that swallowed a Ctrl-C is no step: it is asked for again when the block ends.
        """
        if self._listen is not None and not told:
            self._listen(name, self._words[name])
        started = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", Her2plasticWarning)
            try:
                yield
            except (UnitError, GeneError, ChannelError, ReviewError) as error:
                if not may_fail:
                    raise
                self.notes.append(f"{name} was not done: {error}")
        go_on()
        for warning in caught:
            if issubclass(warning.category, Her2plasticWarning):
                self.notes.append(f"{name}: {warning.message}")
            else:
                log.debug("%s: %s: %s", name, warning.category.__name__, warning.message)
        self._add(name, time.perf_counter() - started)

    def take(self, notes: Iterable[str], seconds: Mapping[str, float]) -> None:
        """Take over the notes and times of steps that were done elsewhere."""
        self.notes += notes
        for name, spent in seconds.items():
            self._add(name, spent)

    def _add(self, name: str, spent: float) -> None:
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)
