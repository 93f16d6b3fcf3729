"""The supervisor: specifications and flags, interpreted by a small loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ParamSpec, TypeAlias, Unpack, overload

from supervisors.actor import Actor
from supervisors.base import BaseSupervisor, start_root
from supervisors.children.records import ChildInfo, ChildRecord, ChildState
from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.lineage import is_told_to_stop
from supervisors.lifecycle.signals import ExitNow, Kill
from supervisors.root import TreeOptions
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import (
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    Ignore,
    NotFound,
    StartError,
    StillRestarting,
    StillRunning,
)
from supervisors.rules.flags import Flags
from supervisors.rules.printing import printed, shown
from supervisors.rules.reasons import SHUTDOWN, Crashed, FailedToStart, Shutdown
from supervisors.rules.strategy import AutoShutdown, AutoShutdownLike, Restart, StrategyLike, Verdict
from supervisors.spec_like import SpecLike, to_specs
from supervisors.supervision import Supervision
from supervisors.supervisor_ref import SupervisorRef

P = ParamSpec("P")

Children: TypeAlias = "Iterable[SpecLike] | Callable[[], Iterable[SpecLike]]"
"""The children of a supervisor; or a function that returns them, called in its thread at every start of it. The
function may raise `Ignore`."""


class FixedSupervision(Supervision):
    """The supervision of a fixed list of children, by a strategy.

    Args:
        supervisor: see `Supervision`.
        children: see `Children`.
        flags: see `Flags`.
    """

    def __init__(self, supervisor: Actor, children: Children, flags: Flags) -> None:
        super().__init__(supervisor, flags)
        self._children = children if callable(children) else _checked(to_specs(children), flags)
        self._records: dict[str, ChildRecord] = {}

    calls = Supervision.calls | {
        "start_child",
        "terminate_child",
        "restart_child",
        "replace_child",
        "delete_child",
        "which_child",
        "get_child_spec",
        "reconfigure",
    }

    # Start and stop

    def start(self) -> None:
        """Start all children, from left to right."""
        for spec in self._first_specs():
            if self._state.mailbox.stop_asked or is_told_to_stop(self._state):
                self.terminate_all()
                raise ExitNow(SHUTDOWN)
            record = ChildRecord(spec)
            self._records[spec.id] = record
            try:
                self.start_or_ignore(record)
            except Kill:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
                self._fail_to_start(record, error)
        super().start()

    def _first_specs(self) -> list[ChildSpec]:
        if not callable(self._children):
            return self._children
        try:
            return _checked(to_specs(self._children()), self._flags)
        except (Ignore, Kill):
            raise
        except BaseException as error:
            failure = StartError(f"{self._control.name}: expected `children()` to return a list, got {printed(error)}")
            failure.__cause__ = error
            self._state.start_error = failure
            raise

    def _fail_to_start(self, record: ChildRecord, error: BaseException) -> None:
        self._state.start_error = self.start_error(record, error)
        self.terminate_all()
        raise ExitNow(Shutdown(FailedToStart(self._control.name, record.id, Crashed(error))))

    def terminate_all(self) -> None:
        """Stop all children, in the reverse of the order of start."""
        for record in reversed(self.records()):
            self._control.terminate(record)

    # The end of a child

    def records(self) -> list[ChildRecord]:
        """Return the records of all children, in the order of start."""
        return list(self._records.values())

    def forget(self, record: ChildRecord) -> None:
        """Remove a child's record."""
        del self._records[record.id]

    def forget_all(self) -> None:
        """Forget all children."""
        self._records.clear()

    def retire(self, record: ChildRecord, verdict: Verdict) -> None:
        """Keep or drop the specification of a child that has ended; end the supervisor if that is due."""
        if verdict is Verdict.DROP:
            self.forget(record)
        if record.spec.significant and self._flags.auto_shutdown.is_due(self._significant_left()):
            raise ExitNow(SHUTDOWN)

    def _significant_left(self) -> int:
        return sum(record.spec.significant and record.state is not ChildState.STOPPED for record in self.records())

    def stop_affected(self, record: ChildRecord) -> None:
        """Stop the children that the strategy stops with this one, in the reverse of the order of start."""
        for id in self._flags.strategy.plan(self._records, record.id).stop:
            self._terminate(self._records[id])

    def start_affected(self, record: ChildRecord) -> None:
        """Start the children that the strategy starts with this one, in the order of start.

        The first child that fails is tried again, and it alone is restarting. The child of ``record``, if its turn has
        not come, counts as stopped, so that nothing waits for an attempt that is not due.
        """
        record.mark_down()
        for id in self._flags.strategy.plan(self._records, record.id).start:
            if not self.start_again(self._records[id]):
                return

    def _terminate(self, record: ChildRecord) -> None:
        self._control.terminate(record)
        if record.spec.restart is Restart.TEMPORARY:
            self.forget(record)

    # Calls

    def start_child(self, child: ChildSpec) -> ChildInfo[Any]:
        """See `SupervisorRef.start_child`."""
        _checked([child], self._flags)
        if child.id in self._records:
            self._refuse_present(self._records[child.id])
        record = ChildRecord(child)
        self._records[child.id] = record
        try:
            self.start_for_caller(record)
        except BaseException:
            self.forget(record)
            raise
        return record.describe()

    def _refuse_present(self, record: ChildRecord) -> None:
        if record.child is not None:
            raise AlreadyStarted(f"expected a new child, {record.id!r} runs already", record.id, record.ref)
        raise AlreadyPresent(
            f"expected a new child, {record.id!r} is {record.state.value}; restart or delete it", record.id
        )

    def terminate_child(self, id: str) -> None:
        """See `SupervisorRef.terminate_child`."""
        self._terminate(self._find(id))

    def restart_child(self, id: str) -> ChildInfo[Any]:
        """See `SupervisorRef.restart_child`."""
        record = self._stopped(id)
        try:
            self.start_for_caller(record)
        except BaseException:
            record.mark_down()
            raise
        return record.describe()

    def replace_child(self, id: str) -> None:
        """See `SupervisorRef.replace_child`."""
        record = self._find(id)
        self._control.terminate(record)
        self.start_again(record)

    def delete_child(self, id: str) -> None:
        """See `SupervisorRef.delete_child`."""
        self.forget(self._stopped(id))

    def which_child(self, id: str) -> ChildInfo[Any]:
        """See `SupervisorRef.which_child`."""
        return self._find(id).describe()

    def get_child_spec(self, id: str) -> ChildSpec:
        """See `SupervisorRef.get_child_spec`."""
        return self._find(id).spec

    def reconfigure(self, flags: Flags | None, children: list[ChildSpec]) -> None:
        """See `SupervisorRef.reconfigure`."""
        flags = self._flags if flags is None else flags
        new = {spec.id: spec for spec in children}
        _checked([new.get(record.id, record.spec) for record in self.records()] + children, flags)
        self.set_flags(flags)
        for spec in children:
            self._records.setdefault(spec.id, ChildRecord(spec)).spec = spec

    def _find(self, id: str) -> ChildRecord:
        if not isinstance(id, str) or id not in self._records:
            known = ", ".join(map(repr, self._records)) or "none"
            raise NotFound(f"{self._control.name}: expected the id of a child, got {shown(id)}; there is {known}", id)
        return self._records[id]

    def _stopped(self, id: str) -> ChildRecord:
        record = self._find(id)
        if record.state is ChildState.RUNNING:
            raise StillRunning(f"expected child {id!r} to be stopped, it runs; terminate it first", id)
        if record.state is ChildState.RESTARTING:
            raise StillRestarting(f"expected child {id!r} to be stopped, it is restarting; terminate it first", id)
        return record


class Supervisor(BaseSupervisor):
    """An actor that starts, watches, restarts and stops other actors, and knows nothing of their work.

    `start` makes the root of a tree; ``ChildSpec.of(Supervisor, children, strategy=..., id=...)`` makes one inside it.
    A subclass says in its ``__init__`` what its children are; it is started in the same two ways, by its own arguments.

    Args:
        children: see `Children`.
        strategy: see `Flags`; there is no default, because it is the option to think about.
        max_restarts: see `Flags`.
        max_seconds: see `Flags`.
        auto_shutdown: see `Flags`.
        backoff: see `Flags`.
    """

    _actor_kind = replace(BaseSupervisor._actor_kind, ref_class=SupervisorRef)

    def __init__(
        self,
        children: Children,
        *,
        strategy: StrategyLike,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdownLike = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__()
        flags = Flags(strategy, max_restarts, max_seconds, auto_shutdown, backoff)
        self._actor_supervision = FixedSupervision(self, children, flags)

    @overload
    @classmethod
    def start(
        cls,
        children: Children,
        *,
        strategy: StrategyLike,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdownLike = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
        name: str = "supervisor",
        **tree: Unpack[TreeOptions],
    ) -> SupervisorRef: ...

    @overload
    @classmethod
    def start(cls: Callable[P, BaseSupervisor], *args: P.args, **kwargs: P.kwargs) -> SupervisorRef: ...

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> SupervisorRef:
        """Start a tree, and return when all of it is up, from left to right.

        Args:
            *args: for ``__init__``: here the children.
            **kwargs: ``name`` of the root, in events, logs and the registry, "supervisor" by default; ``hooks``,
                ``clock``, ``registry``, ``mailbox_sample_s`` and ``logger``, see `TreeOptions`; all others are for
                ``__init__``.

        Raises:
            BadSpec: a specification or option is wrong; nothing was started.
            StartError: a child did not start; those before it were stopped. The cause is the original exception.
            Ignore: ``children`` raised it.
        """
        root: SupervisorRef = start_root(cls, "supervisor", args, kwargs)
        return root


def _checked(specs: list[ChildSpec], flags: Flags) -> list[ChildSpec]:
    for spec in specs:
        spec.check_start()
        if spec.significant and flags.auto_shutdown is AutoShutdown.NEVER:
            raise BadSpec(f"child {spec.id!r} is significant, but `auto_shutdown` is 'never'; change one of them")
    return specs
