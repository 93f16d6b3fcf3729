"""What all supervisors are as actors: the loop around their work on their children, and the root of a tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from supervisors.actor import Actor
from supervisors.calls import BaseSupervisorRef, Call
from supervisors.children.control import ChildGone
from supervisors.lifecycle._pykka import PROXY_MESSAGES
from supervisors.lifecycle.actor_loop import ActorLoop
from supervisors.lifecycle.base_actor import ActorKind
from supervisors.lifecycle.launch import create_alone, launch_alone
from supervisors.lifecycle.replies import Refusal
from supervisors.lifecycle.signals import Exit, Kill
from supervisors.root import TreeOptions, root_context
from supervisors.rules.errors import NotSupported
from supervisors.rules.printing import shown
from supervisors.rules.reasons import SHUTDOWN
from supervisors.rules.termination import ChildType
from supervisors.supervision import BackoffOver, Sample, Supervision, TryAgain


class SupervisorLoop(ActorLoop):
    """What a supervisor's thread does: its own hooks, and around them the work on its children.

    The hooks of a subclass have no part in that work, so that one that forgets to call its superclass's harms no child.
    """

    actor: BaseSupervisor
    special = ActorLoop.special | {ChildGone, TryAgain, BackoffOver, Call, Sample}

    def on_start(self) -> None:
        """Start the children, then run ``on_start``."""
        self.actor._actor_supervision.start()
        self._run_or_stop_children(self.actor.on_start)

    def on_stop(self) -> None:
        """Run ``on_stop``, then stop the children."""
        self._run_or_stop_children(self.actor.on_stop)
        self.actor._actor_supervision.terminate_all()

    def on_failure(self, error: BaseException) -> None:
        """Run ``on_failure``, then stop the children."""
        self._run_or_stop_children(partial(super().on_failure, error))
        self.actor._actor_supervision.terminate_all()

    def _run_or_stop_children(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Kill:
            raise
        except BaseException:
            self.actor._actor_supervision.terminate_all()
            raise

    def handle_special(self, message: Any) -> Any:
        """Handle a message of the system, and return the answer."""
        if message.__class__ in PROXY_MESSAGES:
            return self._answer_proxy(message)
        if message.__class__ in ActorLoop.special:
            return super().handle_special(message)
        return self.actor._actor_supervision.receive(message)

    def _answer_proxy(self, message: Any) -> Any:
        try:
            return super().handle_special(message)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            return Refusal(error)

    def forget_work(self) -> None:
        """Drop what would keep the ended supervisor in memory."""
        self.actor._actor_supervision.forget_all()
        super().forget_work()


class BaseSupervisor(Actor):
    """An actor that starts, watches, restarts and stops children; all that is in its `Supervision`.

    A subclass may have hooks of its own: ``on_start`` runs when the children are up, ``on_stop`` and ``on_failure``
    before they are stopped.
    """

    kill_grace_s = 1.0  # it may have to end a start by force itself, which has such times of its own
    _actor_kind = ActorKind(ChildType.SUPERVISOR, SHUTDOWN, BaseSupervisorRef, SupervisorLoop)
    _actor_supervision: Supervision

    def __init__(self) -> None:
        super().__init__()
        self.trap_exit = True

    def on_receive(self, message: Any) -> Any:
        """Refuse ``message``: a supervisor handles those of its children and of its reference, and no others."""
        if isinstance(message, Exit):  # of an actor that is no child of this supervisor
            return None
        label, got = self._actor_state.label, shown(message)
        return Refusal(NotSupported(f"expected a call of {label}, by a method of its reference, got {got}", message))


def start_root(actor_class: type[BaseSupervisor], name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Start a supervisor that has none above it.

    Args:
        actor_class: of the supervisor.
        name: of the root, unless ``options`` has another.
        args: for ``__init__``.
        options: ``name`` and those of `TreeOptions`; the rest is for ``__init__``.
    """
    tree = {option: options.pop(option) for option in TreeOptions.__annotations__ if option in options}
    context, timers = root_context(options.pop("name", name), **tree)
    supervisor = create_alone(actor_class, context, args, options, known=[*TreeOptions.__annotations__, "name"])
    try:
        supervisor._actor_state.links.on_release(timers.stop)
        return launch_alone(supervisor)
    finally:
        del supervisor  # an error keeps this frame
