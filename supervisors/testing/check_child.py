"""The rules of `supervisors.Child`, as checks of a host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from supervisors.children.child import Child
from supervisors.lifecycle.context import StartContext
from supervisors.rules.printing import shown
from supervisors.rules.reasons import SHUTDOWN, Abandoned, Crashed, Reason

MakeChild: TypeAlias = Callable[[StartContext], Child]


@dataclass(frozen=True, slots=True)
class Subject:
    """The host that is checked.

    Args:
        start: starts a child that works and obeys a shutdown; a specification's ``start``.
        crash: makes such a child end by an error of its own.
        hang: makes such a child ignore everything from now on, and force too where its host cannot kill.
        unhang: lets a child that hangs go on, so that nothing is left behind.
        timeout: real seconds that any single thing may take.
    """

    start: MakeChild
    crash: Callable[[Child], None]
    hang: Callable[[Child], None]
    unhang: Callable[[Child], None]
    timeout: float = 10.0

    def child(self, incarnation: int = 1) -> Child:
        """Start a child."""
        return self.start(StartContext(id="checked", incarnation=incarnation, lineage=(incarnation,)))

    def end_of(self, child: Child) -> Ends:
        """Watch a child's end."""
        ends = Ends(self.timeout)
        child.watch(ends.note)
        return ends


class Ends:
    """The reasons that a watcher was given.

    Args:
        timeout: real seconds to wait for the first.
    """

    def __init__(self, timeout: float) -> None:
        self.reasons: list[Reason] = []
        self._timeout = timeout
        self._noted = threading.Event()

    def note(self, reason: Reason) -> None:
        """Record a reason."""
        self.reasons.append(reason)
        self._noted.set()

    def first(self) -> Reason:
        """Wait for the first reason and return it."""
        assert self._noted.wait(self._timeout), f"expected the child to end within {self._timeout} s, it did not"
        return self.reasons[0]


def a_started_child_is_a_child(subject: Subject) -> None:
    """It has every method of the protocol, and a reference that stays the same."""
    child = subject.child()
    assert isinstance(child, Child), f"expected a supervisors.Child, got {shown(child)}"
    assert child.ref is not None, "expected a reference, got None"
    assert child.ref is child.ref, "expected `ref` to be the same object each time"
    depth = child.depth()
    assert depth is None or depth >= 0, f"expected `depth` to be >= 0 or None, got {depth}"
    _end(subject, child)


def shutdown_ends_it_for_the_reason_given(subject: Subject) -> None:
    """Its watcher gets the reason given with the request to stop."""
    child = subject.child()
    ends = subject.end_of(child)
    child.shutdown(SHUTDOWN)
    assert ends.first() == SHUTDOWN, f"expected the reason to be shutdown, got {ends.first()}"
    child.join()


def a_crash_is_a_crash(subject: Subject) -> None:
    """An error in its own code is reported as `Crashed`, with the exception."""
    child = subject.child()
    ends = subject.end_of(child)
    subject.crash(child)
    assert isinstance(ends.first(), Crashed), f"expected the reason to be a crash, got {ends.first()}"
    assert ends.first().exception is not None, "expected the crash to carry its exception"
    child.join()


def every_watcher_hears_of_the_end_once(subject: Subject) -> None:
    """Watchers from before the end, and later ones, each get the same reason once."""
    child = subject.child()
    before = [subject.end_of(child) for _ in range(3)]
    child.shutdown(SHUTDOWN)
    reasons = [ends.first() for ends in before]
    child.join()
    late = subject.end_of(child)
    assert late.first() == reasons[0], f"expected a late watcher to get {reasons[0]}, got {late.first()}"
    counts = [len(ends.reasons) for ends in (*before, late)]
    assert counts == [1, 1, 1, 1], f"expected each watcher to be called once, got {counts}"


def what_comes_after_the_end_is_harmless(subject: Subject) -> None:
    """All methods may still be called, and change nothing."""
    child = subject.child()
    ends = subject.end_of(child)
    child.shutdown(SHUTDOWN)
    reason = ends.first()
    child.shutdown(SHUTDOWN)
    for rung in child.ladder():
        rung.pull()
    child.abandon()
    child.join()
    child.depth()
    assert subject.end_of(child).first() == reason, "expected the reason of an end never to change"


def each_incarnation_has_a_reference_of_its_own(subject: Subject) -> None:
    """A message for one incarnation cannot reach the next."""
    first, second = subject.child(1), subject.child(2)
    assert first.ref is not second.ref, "expected two incarnations to have two references"
    _end(subject, first)
    _end(subject, second)


def one_that_hangs_is_killed_or_abandoned(subject: Subject) -> None:
    """Where there is a real kill the ladder ends it; elsewhere it can be abandoned, and is then never called killed."""
    child = subject.child()
    ends = subject.end_of(child)
    subject.hang(child)
    rungs = child.ladder()
    assert rungs, "expected at least one rung"
    for rung in rungs:
        rung.pull()
    if child.can_be_killed:
        assert rungs[-1].grace_s is None, "expected the last rung of a real kill to wait for ever"
        assert not isinstance(ends.first(), Abandoned), "expected a child that can be killed not to be abandoned"
    else:
        assert all(rung.grace_s is not None for rung in rungs), "expected no endless wait for what may never end"
        child.abandon()
        assert isinstance(ends.first(), Abandoned), f"expected the reason to be Abandoned, got {ends.first()}"
    subject.unhang(child)
    assert len(ends.reasons) == 1, f"expected one end, got {ends.reasons}"


CHILD_CHECKS: Final[tuple[Callable[[Subject], None], ...]] = (
    a_started_child_is_a_child,
    shutdown_ends_it_for_the_reason_given,
    a_crash_is_a_crash,
    every_watcher_hears_of_the_end_once,
    what_comes_after_the_end_is_harmless,
    each_incarnation_has_a_reference_of_its_own,
    one_that_hangs_is_killed_or_abandoned,
)
"""The single checks, to make a test of each."""


def check_child(
    start: MakeChild,
    *,
    crash: Callable[[Child], None],
    hang: Callable[[Child], None],
    unhang: Callable[[Child], None],
    timeout: float = 10.0,
) -> None:
    """Check that the children that ``start`` returns keep the rules of `supervisors.Child`.

    Args:
        start: see `Subject`.
        crash: see `Subject`.
        hang: see `Subject`.
        unhang: see `Subject`.
        timeout: see `Subject`.

    Raises:
        AssertionError: a rule is broken; the message says which.
    """
    subject = Subject(start, crash, hang, unhang, timeout)
    for check in CHILD_CHECKS:
        check(subject)


def _end(subject: Subject, child: Child) -> None:
    ends = subject.end_of(child)
    child.shutdown(SHUTDOWN)
    ends.first()
    child.join()
