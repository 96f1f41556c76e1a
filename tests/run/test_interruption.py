from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from her2plastic.run.clock import StepClock
from her2plastic.run.interruption import go_on, held_on_to


def swallow() -> None:
    """Do as a library does whose callback is interrupted."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_step_that_swallows_the_interruption_is_interrupted_at_its_end() -> None:
    clock = StepClock(None, {"a": "", "b": ""})
    with held_on_to():
        with pytest.raises(KeyboardInterrupt), clock.step("a"):
            swallow()
        with pytest.raises(KeyboardInterrupt):
            go_on()
    assert clock.seconds == {}


class Finalised:
    """Its finaliser, from which no exception can be raised, is where it happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.happens = happens

    def __del__(self) -> None:
        self.happens()


def test_interruption_of_a_finaliser_ends_the_run_and_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[type] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: printed.append(lost.exc_type))
    with held_on_to():
        thing = Finalised(lambda: signal.raise_signal(signal.SIGINT))
        del thing
        with pytest.raises(KeyboardInterrupt):
            go_on()
        fault = Finalised(lambda: [][0])
        del fault
    assert printed == [IndexError]


def test_nothing_is_remembered_beyond_the_block() -> None:
    before = signal.getsignal(signal.SIGINT)
    with held_on_to():
        assert signal.getsignal(signal.SIGINT) is not before
        swallow()
    assert signal.getsignal(signal.SIGINT) is before
    go_on()
    with held_on_to():
        go_on()


def test_interruption_is_raised_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt), held_on_to():
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("nothing was raised")
    go_on()


def test_program_that_ignores_the_signal_goes_on() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_on_to():
            signal.raise_signal(signal.SIGINT)
            go_on()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_handler_alone() -> None:
    seen = []

    def work() -> None:
        with held_on_to():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
