"""A supervisor for children that come and go: many, alike, and not known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from supervisors.actor import Actor
from supervisors.base import BaseSupervisor, start_root
from supervisors.calls import BaseSupervisorRef
from supervisors.children.records import ChildInfo, ChildRecord
from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.ref import Ref
from supervisors.root import TreeOptions
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import BadSpec, MaxChildren, NotFound, NotSupported
from supervisors.rules.flags import Flags
from supervisors.rules.options import whole
from supervisors.rules.printing import shown
from supervisors.rules.strategy import Strategy, Verdict
from supervisors.spec_like import SpecLike, to_spec
from supervisors.supervision import Supervision

A = TypeVar("A", bound=Actor)
P = ParamSpec("P")


class DynamicSupervisorRef(BaseSupervisorRef):
    """The reference of a `DynamicSupervisor`. Children are named by their reference, since ids need not be unique."""

    @overload
    def start_child(self, child: type[A]) -> ChildInfo[Ref[A]]: ...  # unless its class raises `Ignore`

    @overload
    def start_child(self, child: SpecLike) -> ChildInfo[Any]: ...

    def start_child(self, child: Any) -> ChildInfo[Any]:
        """Add a child and start it. One that raises `Ignore` is not added; the answer's ``ref`` is then None.

        Raises:
            BadSpec: ``child`` is no specification, or significant; found before the supervisor is asked.
            MaxChildren: there are as many children as there may be.
            StartError: it did not start, and was not added; the cause is the original exception.
        """
        info: ChildInfo[Any] = self.call("start_child", _checked(to_spec(child)))
        return info

    def terminate_child(self, ref: Any) -> None:
        """Stop a child in order and forget it, or cancel its restart.

        Args:
            ref: of the child, or of its last incarnation while it is restarting.

        Raises:
            NotFound: no child has this reference, or no longer.
        """
        self.call("terminate_child", ref)

    @overload
    def which_child(self, ref: Ref[A]) -> ChildInfo[Ref[A] | None]: ...

    @overload
    def which_child(self, ref: Any) -> ChildInfo[Any]: ...

    def which_child(self, ref: Any) -> ChildInfo[Any]:
        """Return a description of one child.

        Raises:
            NotFound: no child has this reference.
        """
        info: ChildInfo[Any] = self.call("which_child", ref)
        return info

    def get_child_spec(self, ref: Any) -> ChildSpec:
        """Return a child's specification, with all defaults filled in.

        Raises:
            NotFound: no child has this reference.
        """
        spec: ChildSpec = self.call("get_child_spec", ref)
        return spec

    def restart_child(self, ref: Any) -> None:
        """Refuse: a dynamic supervisor keeps no specification of a child that does not run.

        Raises:
            NotSupported: always.
        """
        raise NotSupported("a dynamic supervisor cannot restart a child by hand; start a new one", ref)

    def delete_child(self, ref: Any) -> None:
        """Refuse: a dynamic supervisor keeps no specification of a child that does not run.

        Raises:
            NotSupported: always.
        """
        raise NotSupported("a dynamic supervisor has no specifications to delete; terminate the child", ref)

    def reconfigure(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
        extra_arguments: Sequence[Any] = (),
    ) -> None:
        """Change all options while the supervisor runs; its children stay.

        Args:
            max_children: see `DynamicSupervisor`.
            max_restarts: see `Flags`.
            max_seconds: see `Flags`.
            backoff: see `Flags`.
            extra_arguments: see `DynamicSupervisor`; for later starts.

        Raises:
            BadSpec: an option is wrong; nothing was changed.
        """
        flags = Flags(Strategy.ONE_FOR_ONE, max_restarts, max_seconds, backoff=backoff)
        self.call("reconfigure", flags, _checked_limit(max_children), _checked_arguments(extra_arguments))


class DynamicSupervision(Supervision):
    """The supervision of children that come and go.

    Args:
        supervisor: see `Supervision`.
        flags: see `Flags`.
        max_children: see `DynamicSupervisor`.
        extra_arguments: see `DynamicSupervisor`.
    """

    kind = "dynamic"
    calls = Supervision.calls | {"start_child", "terminate_child", "which_child", "get_child_spec", "reconfigure"}

    def __init__(
        self, supervisor: Actor, flags: Flags, max_children: int | None, extra_arguments: Sequence[Any]
    ) -> None:
        super().__init__(supervisor, flags, _checked_arguments(extra_arguments))
        self._max_children = _checked_limit(max_children)
        self._records: dict[Any, ChildRecord] = {}

    # The end of a child

    def records(self) -> list[ChildRecord]:
        """Return the records of all children, in the order of start."""
        return list(self._records.values())

    def forget(self, record: ChildRecord) -> None:
        """Remove a child's record."""
        del self._records[record.key]

    def forget_all(self) -> None:
        """Forget all children."""
        self._records.clear()

    def retire(self, record: ChildRecord, verdict: Verdict) -> None:
        """Forget a child that has ended and is not restarted."""
        self.forget(record)

    def stop_affected(self, record: ChildRecord) -> None:
        """Stop no other child: each is on its own."""

    def start_affected(self, record: ChildRecord) -> None:
        """Start the child again; one that does not want to run is forgotten."""
        if not self.start_again(record):
            return
        if record.key in self._records:
            self.forget(record)
        if record.child is not None:
            self._add(record)

    def _add(self, record: ChildRecord) -> None:
        record.key = record.ref
        self._records[record.key] = record

    def terminate_all(self) -> None:
        """Stop all children together."""
        self._control.terminate_together(self.records())

    # Calls

    def start_child(self, child: ChildSpec) -> ChildInfo[Any]:
        """See `DynamicSupervisorRef.start_child`."""
        if self._max_children is not None and len(self._records) >= self._max_children:
            raise MaxChildren(
                f"{self._control.name}: expected fewer than {self._max_children} children; stop one first"
            )
        child.check_start(self._control.extra_arguments)
        record = ChildRecord(child, key=object())  # a child without a reference counts while it starts
        self._records[record.key] = record
        try:
            self.start_for_caller(record)
        finally:
            self._records.pop(record.key, None)
        if record.child is not None:
            self._add(record)
        return record.describe()

    def terminate_child(self, ref: Any) -> None:
        """See `DynamicSupervisorRef.terminate_child`."""
        record = self._find(ref)
        self._control.terminate(record)
        self.forget(record)

    def which_child(self, ref: Any) -> ChildInfo[Any]:
        """See `DynamicSupervisorRef.which_child`."""
        return self._find(ref).describe()

    def get_child_spec(self, ref: Any) -> ChildSpec:
        """See `DynamicSupervisorRef.get_child_spec`."""
        return self._find(ref).spec

    def reconfigure(self, flags: Flags, max_children: int | None, extra_arguments: tuple[Any, ...]) -> None:
        """See `DynamicSupervisorRef.reconfigure`."""
        self.set_flags(flags)
        self._max_children = max_children
        self._control.extra_arguments = extra_arguments

    def _find(self, ref: Any) -> ChildRecord:
        try:
            record = self._records.get(ref)
        except TypeError:  # it is not hashable
            record = None
        if record is None:
            raise NotFound(f"{self._control.name}: expected the reference of a child, got {shown(ref)}", ref)
        return record


class DynamicSupervisor(BaseSupervisor):
    """A one_for_one supervisor whose children are all started by `DynamicSupervisorRef.start_child`.

    It stops its children together, in no order. A child that ends and is not restarted is forgotten.

    Args:
        max_children: how many there may be, restarting ones included, an integer >= 0; None for any number.
        max_restarts: see `Flags`.
        max_seconds: see `Flags`.
        backoff: see `Flags`.
        extra_arguments: put before the arguments of every child, at every start.
    """

    _actor_kind = replace(BaseSupervisor._actor_kind, ref_class=DynamicSupervisorRef)

    def __init__(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
        extra_arguments: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        flags = Flags(Strategy.ONE_FOR_ONE, max_restarts, max_seconds, backoff=backoff)
        self._actor_supervision = DynamicSupervision(self, flags, max_children, extra_arguments)

    @overload
    @classmethod
    def start(
        cls,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
        extra_arguments: Sequence[Any] = (),
        name: str = "dynamic",
        **tree: Unpack[TreeOptions],
    ) -> DynamicSupervisorRef: ...

    @overload
    @classmethod
    def start(cls: Callable[P, BaseSupervisor], *args: P.args, **kwargs: P.kwargs) -> DynamicSupervisorRef: ...

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> DynamicSupervisorRef:
        """Start a dynamic supervisor that has no supervisor above it.

        Args:
            *args: for ``__init__``: here none.
            **kwargs: ``name`` of the root, "dynamic" by default, and `TreeOptions`; all others are for ``__init__``.

        Raises:
            BadSpec: an option is wrong.
        """
        root: DynamicSupervisorRef = start_root(cls, "dynamic", args, kwargs)
        return root


def _checked(spec: ChildSpec) -> ChildSpec:
    if spec.significant:
        raise BadSpec(
            f"child {spec.id!r}: a dynamic supervisor has no auto_shutdown; expected `significant` to be False"
        )
    return spec


def _checked_limit(max_children: int | None) -> int | None:
    return None if max_children is None else whole("max_children", max_children, at_least=0, or_none=True)


def _checked_arguments(extra_arguments: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(extra_arguments, list | tuple):
        return tuple(extra_arguments)
    raise BadSpec(f"expected `extra_arguments` to be a list or tuple, got {shown(extra_arguments)}")
