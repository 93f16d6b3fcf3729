"""The calls of every supervisor, as methods of its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

from supervisors.children.records import ChildInfo, Counts
from supervisors.children.snapshots import SupervisorSnapshot
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.replies import Refusal
from supervisors.rules.errors import NotSupported
from supervisors.rules.printing import shown


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the name of a method of the supervisor, and its arguments."""

    method: str
    args: tuple[Any, ...] = ()


class Answers(Protocol):
    """The work of a supervisor, as its callers see it."""

    calls: frozenset[str]
    """The names of the methods that may be called."""


def answer(supervision: Answers, call: Call) -> Any:
    """Do what ``call`` asks, in the supervisor's thread; what that raises is the caller's, and harms no child."""
    try:
        if call.method not in supervision.calls:
            known = ", ".join(sorted(supervision.calls))
            raise NotSupported(f"expected one of the calls {known}, got {shown(call.method)}", call.method)
        return getattr(supervision, call.method)(*call.args)
    except Exception as error:  # noqa: BLE001 - the caller gets it
        return Refusal(error)


class BaseSupervisorRef(Ref[Any]):
    """The reference of any supervisor.

    A call waits behind starts and stops that are under way, however long they take. One that waits for its own caller,
    since that is a child which starts or stops, fails at once.

    Raises:
        ActorDead: on every call, once the supervisor has ended; `Stopping` from the moment on when it stops.
        RuntimeError: the supervisor calls itself, or is called by a child that has not started yet.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def which_children(self) -> list[ChildInfo[Any]]:
        """Return a description of every child, the newest first."""
        children: list[ChildInfo[Any]] = self.call("which_children")
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

    def call(self, method: str, *args: Any, block: bool = True, timeout: float | None = None) -> Any:
        """Have the supervisor do what the method of this name does, and return the result, or a future of it.

        Args:
            method: the name of one of the methods of this reference.
            *args: as that method gives them.
            block: whether to wait for the result.
            timeout: seconds to wait; None waits for ever.
        """
        return self.ask(Call(method, args), block=block, timeout=timeout)
