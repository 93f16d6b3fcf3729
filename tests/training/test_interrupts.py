from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from annex_actors.training.interrupts import Interrupts


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Give the test Python's own handling of Ctrl-C, and restore what was there before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def press(done: list[str]) -> None:
    """Press Ctrl-C, and return if it is held back."""
    signal.raise_signal(signal.SIGINT)
    done.append("went on")


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), Interrupts():
        press(done)
    assert done == ["went on"]


def test_ctrl_c_is_raised_while_it_is_let_through() -> None:
    done: list[str] = []
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.let_through():
        press(done)
    assert done == []


def test_a_signal_that_was_held_back_is_raised_when_it_is_let_through() -> None:
    done: list[str] = []
    with Interrupts() as interrupts:
        press(done)
        with pytest.raises(KeyboardInterrupt), interrupts.let_through():
            done.append("never")
        press(done)
        interrupts.forget()
    assert done == ["went on", "went on"]


def test_two_signals_that_were_held_back_are_raised_once() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.let_through():
            pass
        with interrupts.let_through():
            pass


def test_a_forgotten_signal_is_never_raised() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        interrupts.forget()


def test_the_handlers_are_as_before_afterwards() -> None:
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_without_a_handler_of_python_is_left_alone() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_an_inner_block_passes_on_what_it_held_back() -> None:
    done: list[str] = []

    def inner() -> None:
        with Interrupts():
            press(done)
        done.append("the outer block held it back as well")

    with pytest.raises(KeyboardInterrupt), Interrupts():
        inner()
    assert done == ["went on", "the outer block held it back as well"]


def test_in_another_thread_it_does_nothing() -> None:
    seen = []

    def work() -> None:
        with Interrupts() as interrupts, interrupts.let_through():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
