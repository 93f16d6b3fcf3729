"""The supervisor: specifications and flags, interpreted by a small loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from supervisors.backoff import Backoff
from supervisors.base import BaseSupervisor
from supervisors.clock import Clock
from supervisors.errors import (
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    Ignore,
    NotFound,
    StartError,
    StillRestarting,
    StillRunning,
)
from supervisors.events import Hook, Hooks
from supervisors.flags import Flags
from supervisors.reasons import SHUTDOWN, Crashed, FailedToStart, Shutdown
from supervisors.registry import Registry
from supervisors.signals import Kill, Leave
from supervisors.slots import ChildInfo, ChildState, Slot
from supervisors.spec import ChildSpec, SpecLike, to_specs
from supervisors.strategy import AutoShutdown, Restart, Strategy, Verdict
from supervisors.supervisor_ref import SupervisorRef

Children: TypeAlias = "Iterable[SpecLike] | Callable[[], Iterable[SpecLike]]"
"""The children of a supervisor; or a function that returns them, called in its thread at every start of it. The
function may raise `Ignore`."""


class Supervisor(BaseSupervisor):
    """An actor that starts, watches, restarts and stops other actors, and knows nothing of their work.

    `start` makes the root of a tree; ``ChildSpec.of(Supervisor, children, strategy=..., id=...)`` makes one inside it.

    Args:
        children: see `Children`.
        strategy: see `Flags`; there is no default, because it is the one thing to think about.
        max_restarts: see `Flags`.
        max_seconds: see `Flags`.
        auto_shutdown: see `Flags`.
        backoff: see `Flags`.
    """

    def __init__(
        self,
        children: Children,
        *,
        strategy: Strategy | str,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
    ) -> None:
        mode = cast(AutoShutdown, auto_shutdown)
        super().__init__(Flags(cast(Strategy, strategy), max_restarts, max_seconds, mode, backoff))
        self._children = children if callable(children) else _checked(to_specs(children), self._flags)
        self._slots: dict[str, Slot] = {}

    @classmethod
    def start(
        cls,
        children: Children,
        *,
        strategy: Strategy | str,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
        name: str = "supervisor",
        hooks: Iterable[Hook] | Hooks = (),
        clock: Clock | None = None,
        registry: Registry | None = None,
        mailbox_sample_s: float | None = None,
    ) -> SupervisorRef:
        """Start a tree, and return when all of it is up, from left to right.

        Args:
            children: see `Children`.
            strategy: see `Flags`.
            max_restarts: see `Flags`.
            max_seconds: see `Flags`.
            auto_shutdown: see `Flags`.
            backoff: see `Flags`.
            name: of the root, in events, logs and the registry.
            hooks: who is told of what happens in the whole tree.
            clock: where the whole tree takes the time from; the system's by default.
            registry: where the named children of the whole tree are registered; a new one by default.
            mailbox_sample_s: how often every supervisor tells the hooks the depth of its children's mailboxes, in
                seconds; None, the default, for never.

        Raises:
            BadSpec: a specification or option is wrong; nothing was started.
            StartError: a child did not start; those before it were stopped again. The cause is the original exception.
            Ignore: ``children`` raised it.
        """
        options = {
            "strategy": strategy,
            "max_restarts": max_restarts,
            "max_seconds": max_seconds,
            "auto_shutdown": auto_shutdown,
            "backoff": backoff,
        }
        root: SupervisorRef = cls.start_root(
            (children,),
            options,
            name=name,
            hooks=hooks,
            clock=clock,
            registry=registry,
            mailbox_sample_s=mailbox_sample_s,
        )
        return root

    def make_ref(self) -> SupervisorRef:
        """Return a reference with a supervisor's calls."""
        return SupervisorRef(self, self.make_cell())

    # Life

    def on_start(self) -> None:
        """Start all children, from left to right."""
        for spec in self._first_specs():
            slot = Slot(spec)
            self._slots[spec.id] = slot
            try:
                self.start_or_ignore(slot)
            except Kill:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
                self._fail_to_start(slot, error)
        super().on_start()

    def _first_specs(self) -> list[ChildSpec]:
        if not callable(self._children):
            return self._children
        try:
            return _checked(to_specs(self._children()), self._flags)
        except (Ignore, Kill):
            raise
        except BaseException as error:
            failure = StartError(f"{self._keeper.name}: expected `children()` to return a list, got {error!r}")
            failure.__cause__ = error
            self.cell.start_error = failure
            raise

    def _fail_to_start(self, slot: Slot, error: BaseException) -> None:
        self.cell.start_error = self.start_error(slot, error)
        self.terminate_all()
        raise Leave(Shutdown(FailedToStart(self._keeper.name, slot.id, Crashed(error))))

    def terminate_all(self) -> None:
        """Stop all children, in the reverse of the order of start."""
        for slot in reversed(self.slots()):
            self._keeper.terminate(slot)

    # The end of a child

    def slots(self) -> list[Slot]:
        """Return the places of all children, in the order of start."""
        return list(self._slots.values())

    def forget(self, slot: Slot) -> None:
        """Remove a child's place."""
        del self._slots[slot.id]

    def retire(self, slot: Slot, verdict: Verdict) -> None:
        """Keep or drop the specification of a child that has ended, and see whether that ends the supervisor."""
        if verdict is Verdict.DROP:
            self.forget(slot)
        if slot.spec.significant and self._flags.auto_shutdown.is_due(self._significant_left()):
            raise Leave(SHUTDOWN)

    def _significant_left(self) -> int:
        return sum(slot.spec.significant and slot.state is not ChildState.STOPPED for slot in self.slots())

    def make_way(self, slot: Slot) -> None:
        """Stop the children that the strategy stops with this one, in the reverse of the order of start."""
        for id in self._flags.strategy.plan(tuple(self._slots), slot.id).stop:
            self._terminate(self._slots[id])

    def bring_back(self, slot: Slot) -> None:
        """Start the children that the strategy starts with this one, in the order of start.

        The first one that fails is tried again, and it alone is restarting: this one, if its turn has not come, is a
        stopped child among others, so that nothing waits for an attempt that is not due.
        """
        slot.rest()
        for id in self._flags.strategy.plan(tuple(self._slots), slot.id).start:
            if not self.start_again(self._slots[id]):
                return

    def _terminate(self, slot: Slot) -> None:
        self._keeper.terminate(slot)
        if slot.spec.restart is Restart.TEMPORARY:
            self.forget(slot)

    # Calls

    def start_child(self, child: ChildSpec) -> ChildInfo:
        """See `SupervisorRef.start_child`."""
        _checked([child], self._flags)
        if child.id in self._slots:
            self._refuse_present(self._slots[child.id])
        slot = Slot(child)
        self._slots[child.id] = slot
        try:
            self.start_or_ignore(slot)
        except BaseException as error:
            self.forget(slot)
            raise self.start_error(slot, error) from error
        return slot.describe()

    def _refuse_present(self, slot: Slot) -> None:
        if slot.child is not None:
            raise AlreadyStarted(f"expected a new child, {slot.id!r} runs already", slot.id, slot.child.ref)
        raise AlreadyPresent(f"expected a new child, {slot.id!r} is {slot.state.value}; restart or delete it", slot.id)

    def terminate_child(self, id: str) -> None:
        """See `SupervisorRef.terminate_child`."""
        self._terminate(self._find(id))

    def restart_child(self, id: str) -> ChildInfo:
        """See `SupervisorRef.restart_child`."""
        slot = self._stopped(id)
        try:
            self.start_or_ignore(slot)
        except BaseException as error:
            slot.rest()
            raise self.start_error(slot, error) from error
        return slot.describe()

    def delete_child(self, id: str) -> None:
        """See `SupervisorRef.delete_child`."""
        self.forget(self._stopped(id))

    def which_child(self, id: str) -> ChildInfo:
        """See `SupervisorRef.which_child`."""
        return self._find(id).describe()

    def get_child_spec(self, id: str) -> ChildSpec:
        """See `SupervisorRef.get_child_spec`."""
        return self._find(id).spec

    def reconfigure(self, flags: Flags | None, children: list[ChildSpec]) -> None:
        """See `SupervisorRef.reconfigure`."""
        flags = self._flags if flags is None else flags
        new = {spec.id: spec for spec in children}
        _checked([new.get(slot.id, slot.spec) for slot in self.slots()] + children, flags)
        self.set_flags(flags)
        for spec in children:
            self._slots.setdefault(spec.id, Slot(spec)).spec = spec

    def _find(self, id: str) -> Slot:
        if not isinstance(id, str) or id not in self._slots:
            known = ", ".join(map(repr, self._slots)) or "none"
            raise NotFound(f"{self._keeper.name}: expected the id of a child, got {id!r}; there is {known}", id)
        return self._slots[id]

    def _stopped(self, id: str) -> Slot:
        slot = self._find(id)
        if slot.state is ChildState.RUNNING:
            raise StillRunning(f"expected child {id!r} to be stopped, it runs; terminate it first", id)
        if slot.state is ChildState.RESTARTING:
            raise StillRestarting(f"expected child {id!r} to be stopped, it is restarting; terminate it first", id)
        return slot


def _checked(specs: list[ChildSpec], flags: Flags) -> list[ChildSpec]:
    for spec in specs:
        if spec.significant and flags.auto_shutdown is AutoShutdown.NEVER:
            raise BadSpec(f"child {spec.id!r} is significant, but `auto_shutdown` is 'never'; change one of them")
    return specs
