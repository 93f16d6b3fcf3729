"""What others may ask of a supervisor, as methods of its reference."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from supervisors.errors import Ignore, SupervisionError
from supervisors.ref import Ref
from supervisors.slots import ChildInfo, Counts
from supervisors.spec import ChildSpec, SpecLike, to_spec


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the name of a method of the supervisor, and its arguments."""

    method: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a `Call`. A refusal is an answer too, and no crash of the supervisor."""

    value: Any = None
    error: BaseException | None = None


def answer(supervisor: Any, call: Call) -> Answer:
    """Do what ``call`` asks of ``supervisor``, in its thread."""
    try:
        return Answer(getattr(supervisor, call.method)(*call.args))
    except (SupervisionError, Ignore) as refusal:
        return Answer(error=refusal)


class SupervisorRef(Ref[Any]):
    """A supervisor's reference. Every call waits its turn behind running starts and stops, for as long as it takes.

    A child must not call its own supervisor while it starts or stops: each would wait for the other.
    """

    def __enter__(self) -> SupervisorRef:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def start_child(self, child: SpecLike) -> ChildInfo:
        """Add a child and start it.

        Raises:
            BadSpec: ``child`` is no specification; found before the supervisor is asked.
            AlreadyStarted: a child of this id runs.
            AlreadyPresent: a child of this id is stopped or restarting.
            StartError: it did not start, and was not added; the cause is the original exception.
        """
        return self.call("start_child", to_spec(child))  # type: ignore[no-any-return]

    def terminate_child(self, id: str) -> None:
        """Stop a child in order, or cancel its restart; its specification stays unless it is temporary.

        Raises:
            NotFound: there is none of this id.
        """
        self.call("terminate_child", id)

    def restart_child(self, id: str) -> ChildInfo:
        """Start a child that is stopped.

        Raises:
            NotFound: there is none of this id.
            StillRunning: it runs.
            StillRestarting: it is between two attempts.
            StartError: it did not start, and stays stopped.
        """
        return self.call("restart_child", id)  # type: ignore[no-any-return]

    def delete_child(self, id: str) -> None:
        """Forget a child that is stopped.

        Raises:
            NotFound: there is none of this id.
            StillRunning: it runs.
            StillRestarting: it is between two attempts.
        """
        self.call("delete_child", id)

    def which_children(self) -> list[ChildInfo]:
        """Return what is known of every child, the newest first."""
        return self.call("which_children")  # type: ignore[no-any-return]

    def which_child(self, id: str) -> ChildInfo:
        """Return what is known of one child.

        Raises:
            NotFound: there is none of this id.
        """
        return self.call("which_child", id)  # type: ignore[no-any-return]

    def count_children(self) -> Counts:
        """Return how many children there are, by kind."""
        return self.call("count_children")  # type: ignore[no-any-return]

    def get_child_spec(self, id: str) -> ChildSpec:
        """Return a child's specification, with all defaults filled in.

        Raises:
            NotFound: there is none of this id.
        """
        return self.call("get_child_spec", id)  # type: ignore[no-any-return]

    def call(self, method: str, *args: Any) -> Any:
        """Ask the supervisor to call a method of its own, and return what it returns."""
        if threading.current_thread() is self.cell.thread:
            raise RuntimeError(f"a supervisor cannot call itself: {method} was called in the thread of {self}")
        outcome: Answer = self.ask(Call(method, args), block=True)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value
