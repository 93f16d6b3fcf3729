"""The calls of every supervisor, as methods of its reference."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Self

from supervisors.children.records import ChildInfo, Counts
from supervisors.children.snapshots import SupervisorSnapshot
from supervisors.lifecycle.ref import Ref
from supervisors.rules.errors import Ignore, SupervisionError


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the name of a method of the supervisor, and its arguments."""

    method: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a `Call`. A refusal is an answer too, and does not crash the supervisor."""

    value: Any = None
    error: BaseException | None = None


def answer(supervisor: Any, call: Call) -> Answer:
    """Do what ``call`` asks of ``supervisor``, in its thread."""
    try:
        return Answer(getattr(supervisor, call.method)(*call.args))
    except (SupervisionError, Ignore) as refusal:
        return Answer(error=refusal)


class BaseSupervisorRef(Ref[Any]):
    """The reference of any supervisor.

    A call waits behind starts and stops that are under way, however long they take. A child must not call its own
    supervisor while it starts or stops: each would wait for the other.

    Raises:
        ActorDead: on every call, once the supervisor has ended.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def which_children(self) -> list[ChildInfo]:
        """Return a description of every child, the newest first."""
        children: list[ChildInfo] = self.call("which_children")
        return children

    def count_children(self) -> Counts:
        """Return how many children there are, by kind."""
        counts: Counts = self.call("count_children")
        return counts

    def snapshot(self, *, timeout: float | None = None) -> SupervisorSnapshot:
        """Return the state of the supervisor and of its children.

        Args:
            timeout: seconds to wait for a busy supervisor; None waits for ever.

        Raises:
            pykka.Timeout: it did not answer in time.
        """
        snapshot: SupervisorSnapshot = self.call("snapshot", timeout=timeout)
        return snapshot

    def call(self, method: str, *args: Any, timeout: float | None = None) -> Any:
        """Have the supervisor call one of its methods, and return what that returns."""
        if threading.current_thread() is self.actor_state.thread:
            raise RuntimeError(f"a supervisor cannot call itself: {method} was called in the thread of {self}")
        outcome: Answer = self.ask(Call(method, args), block=True, timeout=timeout)
        try:
            if outcome.error is not None:
                raise outcome.error
            return outcome.value
        finally:
            del outcome  # what is raised keeps this frame
