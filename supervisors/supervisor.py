"""The supervisor: specifications and flags, interpreted by a small loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, cast

from supervisors.actor import Actor, create, launch
from supervisors.calls import Call, SupervisorRef, answer
from supervisors.child import ChildType, StartContext
from supervisors.clock import Clock, SystemClock
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
from supervisors.events import ChildRestarted, Escalated, Hook, Hooks
from supervisors.keeper import ChildGone, Keeper
from supervisors.options import member
from supervisors.reasons import SHUTDOWN, Crashed, Escalation, FailedToStart, Reason, Shutdown
from supervisors.registry import Registry
from supervisors.signals import Kill, Leave
from supervisors.slots import ChildInfo, ChildState, Counts, Slot, count
from supervisors.spec import ChildSpec, SpecLike, to_specs
from supervisors.strategy import AutoShutdown, Restart, Strategy, Verdict
from supervisors.window import RestartWindow

logger = logging.getLogger("supervisors")

Children: TypeAlias = "Iterable[SpecLike] | Callable[[], Iterable[SpecLike]]"
"""The children of a supervisor; or a function that returns them, called in its thread at every start of it. The
function may raise `Ignore`."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a supervisor does about the ends of its children.

    Args:
        strategy: whom the end of a child concerns.
        max_restarts: how many restarts it makes within ``max_seconds``, >= 0; one more ends it.
        max_seconds: seconds > 0.
        auto_shutdown: whether it ends when significant children have ended by themselves.
    """

    strategy: Strategy
    max_restarts: int = 3
    max_seconds: float = 5.0
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", member("strategy", self.strategy, Strategy))
        object.__setattr__(self, "auto_shutdown", member("auto_shutdown", self.auto_shutdown, AutoShutdown))
        try:
            RestartWindow(self.max_restarts, self.max_seconds)
        except ValueError as error:
            raise BadSpec(str(error)) from None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The supervisor's message to itself: the next attempt to restart a child.

    It goes through the mailbox, so that a stop or a `terminate_child` sent meanwhile gets in first.
    """

    id: str
    retry: object = field(compare=False)


class Supervisor(Actor):
    """An actor that starts, watches, restarts and stops other actors, and knows nothing of their work.

    `start` makes the root of a tree; ``ChildSpec.of(Supervisor, children, strategy=..., id=...)`` makes one inside it.

    Args:
        children: see `Children`.
        strategy: see `Flags`; there is no default, because it is the one thing to think about.
        max_restarts: see `Flags`.
        max_seconds: see `Flags`.
        auto_shutdown: see `Flags`.
    """

    child_type: ClassVar[ChildType] = ChildType.SUPERVISOR
    stop_reason: ClassVar[Reason] = SHUTDOWN

    def __init__(
        self,
        children: Children,
        *,
        strategy: Strategy | str,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
    ) -> None:
        super().__init__()
        self._flags = Flags(cast(Strategy, strategy), max_restarts, max_seconds, cast(AutoShutdown, auto_shutdown))
        self._window = RestartWindow(max_restarts, max_seconds)
        self._children = children if callable(children) else _checked(children, self._flags)
        self._slots: dict[str, Slot] = {}
        self._keeper = Keeper(self.context, cast(SupervisorRef, self.cell.ref))

    @classmethod
    def start(
        cls,
        children: Children,
        *,
        strategy: Strategy | str,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
        name: str = "supervisor",
        hooks: Iterable[Hook] | Hooks = (),
        clock: Clock | None = None,
        registry: Registry | None = None,
    ) -> SupervisorRef:
        """Start a tree, and return when all of it is up, from left to right.

        Args:
            children: see `Children`.
            strategy: see `Flags`.
            max_restarts: see `Flags`.
            max_seconds: see `Flags`.
            auto_shutdown: see `Flags`.
            name: of the root, in events, logs and the registry.
            hooks: who is told of what happens in the whole tree.
            clock: where the whole tree takes the time from; the system's by default.
            registry: where the named children of the whole tree are registered; a new one by default.

        Raises:
            BadSpec: a specification or option is wrong; nothing was started.
            StartError: a child did not start; those before it were stopped again. The cause is the original exception.
            Ignore: ``children`` raised it.
        """
        registry = Registry() if registry is None else registry
        context = StartContext(
            id=name,
            name=name,
            registry=registry,
            clock=SystemClock() if clock is None else clock,
            hooks=hooks if isinstance(hooks, Hooks) else Hooks(hooks),
        )
        options = {
            "strategy": strategy,
            "max_restarts": max_restarts,
            "max_seconds": max_seconds,
            "auto_shutdown": auto_shutdown,
        }
        return cast(SupervisorRef, launch(create(cls, context, (children,), options)))

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
                self._start_or_ignore(slot)
            except Kill:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
                self._fail_to_start(slot, error)

    def _first_specs(self) -> list[ChildSpec]:
        children = self._children
        return _checked(children(), self._flags) if callable(children) else children

    def _fail_to_start(self, slot: Slot, error: BaseException) -> None:
        failure = StartError(f"{self._keeper.name}: child {slot.id!r} failed to start: {error!r}", slot.id)
        failure.__cause__ = error
        self.cell.start_error = failure
        self._terminate_all()
        raise Leave(Shutdown(FailedToStart(self._keeper.name, slot.id, Crashed(error))))

    def on_stop(self) -> None:
        """Stop all children, in the reverse of the order of start."""
        self._terminate_all()

    def on_failure(self, *_exc_info: object) -> None:
        """Stop all children after a failure of the supervisor's own."""
        self._terminate_all()

    def on_receive(self, message: Any) -> Any:
        """Handle the end of a child, a retry, or a call."""
        match message:
            case ChildGone():
                self._on_child_gone(message)
            case TryAgain():
                self._on_try_again(message)
            case Call():
                return answer(self, message)
            case _:
                logger.warning("%s dropped an unexpected message: %r", self._keeper.name, message)
        return None

    # The end of a child

    def _on_child_gone(self, gone: ChildGone) -> None:
        slot = self._slots.get(gone.id)
        if slot is None or slot.child is not gone.child:
            return
        reason = self._keeper.reap(slot)
        verdict = slot.spec.restart.verdict(reason)
        self._report(slot, reason)
        if verdict is Verdict.RESTART:
            self._restart(slot)
            return
        if verdict is Verdict.DROP:
            del self._slots[slot.id]
        self._auto_shutdown(slot)

    def _report(self, slot: Slot, reason: Reason) -> None:
        if slot.spec.restart is not Restart.PERMANENT and reason.is_orderly:
            return
        where = (self._keeper.name, slot.id, slot.incarnation)
        logger.error("%s: child %r (incarnation %d) ended: %s", *where, reason, exc_info=reason.exc_info)

    def _restart(self, slot: Slot) -> None:
        """Count one restart, and make it if it is allowed."""
        slot.rest(ChildState.RESTARTING)
        self._window, allowed = self._window.record(self._keeper.clock.monotonic())
        if not allowed:
            self._escalate(slot)
        plan = self._flags.strategy.plan(tuple(self._slots), slot.id)
        for id in plan.stop:
            self._terminate(self._slots[id])
        for id in plan.start:
            if id in self._slots and not self._start_again(self._slots[id]):
                return

    def _start_again(self, slot: Slot) -> bool:
        try:
            self._start_or_ignore(slot)
        except Kill:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
            slot.reason = Crashed(error)
            slot.rest(ChildState.RESTARTING)
            slot.retry = object()
            self.cell.mailbox.put_system(TryAgain(slot.id, slot.retry))
            return False
        if slot.child is not None:
            self._keeper.emit(ChildRestarted, slot)
        return True

    def _start_or_ignore(self, slot: Slot) -> None:
        try:
            self._keeper.start(slot)
        except Ignore:
            self._drop_if_temporary(slot)

    def _drop_if_temporary(self, slot: Slot) -> None:
        if slot.spec.restart is Restart.TEMPORARY:
            del self._slots[slot.id]

    def _on_try_again(self, message: TryAgain) -> None:
        slot = self._slots.get(message.id)
        if slot is not None and slot.retry is message.retry:
            self._restart(slot)

    def _escalate(self, slot: Slot) -> None:
        reason = slot.reason
        assert reason is not None
        escalation = Escalation(self._keeper.name, slot.id, slot.incarnation, reason)
        limits = (self._window.max_restarts, self._window.max_seconds)
        logger.error("%s; reached max_restarts=%d in max_seconds=%g", escalation, *limits)
        self._keeper.emit(Escalated, slot, reason)
        raise Leave(Shutdown(escalation))

    def _auto_shutdown(self, slot: Slot) -> None:
        if not slot.spec.significant:
            return
        mode = self._flags.auto_shutdown
        others = (other for other in self._slots.values() if other.spec.significant and other is not slot)
        left = any(other.state is not ChildState.STOPPED for other in others)
        if mode is AutoShutdown.ANY_SIGNIFICANT or (mode is AutoShutdown.ALL_SIGNIFICANT and not left):
            raise Leave(SHUTDOWN)

    # Stopping

    def _terminate(self, slot: Slot) -> None:
        self._keeper.terminate(slot)
        self._drop_if_temporary(slot)

    def _terminate_all(self) -> None:
        for slot in reversed(list(self._slots.values())):
            self._keeper.terminate(slot)

    # Calls

    def start_child(self, child: ChildSpec) -> ChildInfo:
        """See `SupervisorRef.start_child`."""
        _check_significant(child, self._flags)
        present = self._slots.get(child.id)
        if present is not None:
            self._refuse_present(present)
        slot = Slot(child)
        self._slots[child.id] = slot
        try:
            self._start_or_ignore(slot)
        except BaseException as error:
            del self._slots[child.id]
            raise self._start_error(slot, error) from error
        return slot.describe()

    def _refuse_present(self, slot: Slot) -> None:
        if slot.child is not None:
            raise AlreadyStarted(f"expected a new child, {slot.id!r} runs already", slot.id, slot.child.ref)
        raise AlreadyPresent(f"expected a new child, {slot.id!r} is {slot.state.value}; restart or delete it", slot.id)

    def _start_error(self, slot: Slot, error: BaseException) -> StartError:
        return StartError(f"{self._keeper.name}: child {slot.id!r} failed to start: {error!r}", slot.id)

    def terminate_child(self, id: str) -> None:
        """See `SupervisorRef.terminate_child`."""
        self._terminate(self._find(id))

    def restart_child(self, id: str) -> ChildInfo:
        """See `SupervisorRef.restart_child`."""
        slot = self._stopped(id)
        try:
            self._start_or_ignore(slot)
        except BaseException as error:
            slot.rest()
            raise self._start_error(slot, error) from error
        return slot.describe()

    def delete_child(self, id: str) -> None:
        """See `SupervisorRef.delete_child`."""
        del self._slots[self._stopped(id).id]

    def which_children(self) -> list[ChildInfo]:
        """See `SupervisorRef.which_children`."""
        return [slot.describe() for slot in reversed(self._slots.values())]

    def which_child(self, id: str) -> ChildInfo:
        """See `SupervisorRef.which_child`."""
        return self._find(id).describe()

    def count_children(self) -> Counts:
        """See `SupervisorRef.count_children`."""
        return count(list(self._slots.values()))

    def get_child_spec(self, id: str) -> ChildSpec:
        """See `SupervisorRef.get_child_spec`."""
        return self._find(id).spec

    def _find(self, id: str) -> Slot:
        try:
            return self._slots[id]
        except (KeyError, TypeError):
            raise NotFound(f"{self._keeper.name} has no child {id!r}; it has {', '.join(self._slots)}", id) from None

    def _stopped(self, id: str) -> Slot:
        slot = self._find(id)
        if slot.state is ChildState.RUNNING:
            raise StillRunning(f"expected child {id!r} to be stopped, it runs; terminate it first", id)
        if slot.state is ChildState.RESTARTING:
            raise StillRestarting(f"expected child {id!r} to be stopped, it is restarting; terminate it first", id)
        return slot


def _checked(children: Iterable[SpecLike], flags: Flags) -> list[ChildSpec]:
    specs = to_specs(children)
    for spec in specs:
        _check_significant(spec, flags)
    return specs


def _check_significant(spec: ChildSpec, flags: Flags) -> None:
    if spec.significant and flags.auto_shutdown is AutoShutdown.NEVER:
        raise BadSpec(f"child {spec.id!r} is significant, but `auto_shutdown` is 'never'; change one of them")
