"""The calls of a `Supervisor`, as methods of its reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, overload

from supervisors.actor import Actor
from supervisors.calls import BaseSupervisorRef
from supervisors.children.records import ChildInfo, typed
from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.ref import Ref
from supervisors.rules.errors import BadSpec
from supervisors.rules.flags import Flags
from supervisors.rules.printing import shown
from supervisors.spec_like import SpecLike, to_spec, to_specs

A = TypeVar("A", bound=Actor)


class SupervisorRef(BaseSupervisorRef):
    """The reference of a `Supervisor`."""

    @overload
    def start_child(self, child: type[A]) -> ChildInfo[Ref[A]]: ...  # unless its class raises `Ignore`

    @overload
    def start_child(self, child: SpecLike) -> ChildInfo[Any]: ...

    def start_child(self, child: Any) -> ChildInfo[Any]:
        """Add a child, as the last one, and start it.

        Raises:
            BadSpec: ``child`` is no specification; found before the supervisor is asked.
            AlreadyStarted: a child of this id runs.
            AlreadyPresent: a child of this id is stopped or restarting.
            StartError: it did not start, and was not added; the cause is the original exception.
        """
        info: ChildInfo[Any] = self.call("start_child", to_spec(child))
        return info

    def terminate_child(self, id: str) -> None:
        """Stop a child in order, or cancel its restart; its specification stays unless it is temporary.

        A child that is stopped already is no error.

        Raises:
            NotFound: there is no child of this id.
        """
        self.call("terminate_child", id)

    def restart_child(self, id: str) -> ChildInfo[Any]:
        """Start a child that is stopped.

        Raises:
            NotFound: there is no child of this id.
            StillRunning: it runs.
            StillRestarting: it is between two attempts.
            StartError: it did not start, and stays stopped.
        """
        info: ChildInfo[Any] = self.call("restart_child", id)
        return info

    def replace_child(self, id: str) -> None:
        """Stop a child in order, whatever its state, and start its next incarnation; no restart is counted.

        OTP has no such call. Its two, to terminate and to restart, leave the child stopped for good if their caller
        dies between them. A start that fails here is tried again like any restart, and only then counts as one.

        Raises:
            NotFound: there is no child of this id.
        """
        self.call("replace_child", id)

    def delete_child(self, id: str) -> None:
        """Forget a child that is stopped.

        Raises:
            NotFound: there is no child of this id.
            StillRunning: it runs.
            StillRestarting: it is between two attempts.
        """
        self.call("delete_child", id)

    @overload
    def which_child(self, id: str) -> ChildInfo[Any]: ...

    @overload
    def which_child(self, id: str, actor_class: type[A]) -> ChildInfo[Ref[A] | None]: ...

    def which_child(self, id: str, actor_class: type[Any] | None = None) -> ChildInfo[Any]:
        """Return a description of one child.

        Args:
            id: the child's.
            actor_class: of the child, for type checkers; by default any.

        Raises:
            NotFound: there is no child of this id.
            BadSpec: it is an actor of another class.
        """
        return typed(self.call("which_child", id), actor_class)

    def get_child_spec(self, id: str) -> ChildSpec:
        """Return a child's specification, with all defaults filled in.

        Raises:
            NotFound: there is no child of this id.
        """
        spec: ChildSpec = self.call("get_child_spec", id)
        return spec

    def reconfigure(self, flags: Flags | None = None, *, children: Iterable[SpecLike] = ()) -> None:
        """Change options and specifications while the supervisor runs; nothing is started or stopped by it.

        Args:
            flags: the new options; None keeps the old.
            children: new ones are added, not started; those of a known id get a new specification, which counts from
                their next start on; others stay.

        Raises:
            BadSpec: the new whole would not be valid; nothing was changed.
        """
        if flags is not None and not isinstance(flags, Flags):
            raise BadSpec(f"expected `flags` to be a Flags or None, got {shown(flags)}")
        self.call("reconfigure", flags, to_specs(children))
