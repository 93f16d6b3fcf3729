"""A supervisor for children that come and go: many, alike, and not known beforehand."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Unpack

from supervisors.base import BaseSupervisor
from supervisors.calls import BaseSupervisorRef
from supervisors.children.records import ChildInfo, ChildRecord
from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.ref import Ref
from supervisors.root import TreeOptions
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import BadSpec, MaxChildren, NotFound, NotSupported
from supervisors.rules.flags import Flags
from supervisors.rules.strategy import Strategy, Verdict
from supervisors.spec_like import SpecLike, to_spec


class DynamicSupervisorRef(BaseSupervisorRef):
    """The reference of a `DynamicSupervisor`. Children are named by their reference, since ids need not be unique."""

    def start_child(self, child: SpecLike) -> ChildInfo:
        """Add a child and start it. One that raises `Ignore` is not added; the answer's ``ref`` is then None.

        Raises:
            BadSpec: ``child`` is no specification, or significant; found before the supervisor is asked.
            MaxChildren: there are as many children as there may be.
            StartError: it did not start, and was not added; the cause is the original exception.
        """
        info: ChildInfo = self.call("start_child", _checked(to_spec(child)))
        return info

    def terminate_child(self, ref: Any) -> None:
        """Stop a child in order and forget it, or cancel its restart.

        Args:
            ref: of the child, or of its last incarnation while it is restarting.

        Raises:
            NotFound: no child has this reference, or no longer.
        """
        self.call("terminate_child", ref)

    def which_child(self, ref: Any) -> ChildInfo:
        """Return a description of one child.

        Raises:
            NotFound: no child has this reference.
        """
        info: ChildInfo = self.call("which_child", ref)
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

    kind: ClassVar[str] = "dynamic"
    ref_class: ClassVar[type[Ref[Any]]] = DynamicSupervisorRef

    def __init__(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
        extra_arguments: Sequence[Any] = (),
    ) -> None:
        flags = Flags(Strategy.ONE_FOR_ONE, max_restarts, max_seconds, backoff=backoff)
        super().__init__(flags, _checked_arguments(extra_arguments))
        self._max_children = _checked_limit(max_children)
        self._records: dict[Any, ChildRecord] = {}

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
    ) -> DynamicSupervisorRef:
        """Start a dynamic supervisor that has no supervisor above it.

        Args:
            max_children: see `DynamicSupervisor`.
            max_restarts: see `Flags`.
            max_seconds: see `Flags`.
            backoff: see `Flags`.
            extra_arguments: see `DynamicSupervisor`.
            name: of the root, in events, logs and the registry.
            **tree: ``hooks``, ``clock``, ``registry`` and ``mailbox_sample_s``: see `TreeOptions`.

        Raises:
            BadSpec: an option is wrong.
        """
        root: DynamicSupervisorRef = cls.start_root(
            name,
            tree,
            max_children=max_children,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            backoff=backoff,
            extra_arguments=extra_arguments,
        )
        return root

    # The end of a child

    def records(self) -> list[ChildRecord]:
        """Return the records of all children, in the order of start."""
        return list(self._records.values())

    def forget(self, record: ChildRecord) -> None:
        """Remove a child's record."""
        del self._records[record.key]

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
        assert record.child is not None, "only a child that runs has a reference"
        record.key = record.child.ref
        self._records[record.key] = record

    def terminate_all(self) -> None:
        """Stop all children together."""
        self._control.terminate_together(self.records())

    # Calls

    def start_child(self, child: ChildSpec) -> ChildInfo:
        """See `DynamicSupervisorRef.start_child`."""
        if self._max_children is not None and len(self._records) >= self._max_children:
            raise MaxChildren(
                f"{self._control.name}: expected its children to be fewer than {self._max_children}; stop one first"
            )
        record = ChildRecord(child, key=object())  # a child without a reference counts while it starts
        self._records[record.key] = record
        try:
            self.start_or_ignore(record)
        except BaseException as error:
            raise self.start_error(record, error) from error
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

    def which_child(self, ref: Any) -> ChildInfo:
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
        record = self._records.get(ref) if isinstance(ref, Hashable) else None
        if record is None:
            raise NotFound(f"{self._control.name}: expected the reference of a child, got {ref!r}", ref)
        return record


def _checked(spec: ChildSpec) -> ChildSpec:
    if spec.significant:
        raise BadSpec(
            f"child {spec.id!r}: a dynamic supervisor has no auto_shutdown; expected `significant` to be False"
        )
    return spec


def _checked_limit(max_children: int | None) -> int | None:
    if max_children is None or (
        isinstance(max_children, int) and not isinstance(max_children, bool) and max_children >= 0
    ):
        return max_children
    raise BadSpec(f"expected `max_children` to be an integer >= 0 or None, got {max_children!r}")


def _checked_arguments(extra_arguments: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(extra_arguments, list | tuple):
        return tuple(extra_arguments)
    raise BadSpec(f"expected `extra_arguments` to be a list or tuple, got {extra_arguments!r}")
