"""What an actor is made of, below the verbs that its own code uses: its options, its kind and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from supervisors.lifecycle._pykka import PykkaSeam
from supervisors.lifecycle.actor_loop import ActorLoop
from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.mailbox import BoundedMailbox, Mailbox, MailboxLimit
from supervisors.lifecycle.ref import Ref
from supervisors.rules.errors import BadActor, BadSpec
from supervisors.rules.options import flag, number
from supervisors.rules.printing import shown
from supervisors.rules.reasons import NORMAL, Reason
from supervisors.rules.termination import ChildType
from supervisors.threads.occupied import OccupiedThread


@dataclass(frozen=True, slots=True)
class ActorKind:
    """What tells one kind of actor from another, and makes what each incarnation needs.

    Args:
        child_type: what a supervisor counts it as.
        stop_reason: its exit reason after ``stop``.
        ref_class: of its references.
        loop_class: of what its thread does.
    """

    child_type: ChildType = ChildType.WORKER
    stop_reason: Reason = NORMAL
    ref_class: type[Ref[Any]] = Ref
    loop_class: type[ActorLoop] = ActorLoop

    def make_state(self, actor_class: type[BaseActor], context: StartContext) -> ActorState:
        """Return what surrounds the code of an incarnation."""
        limit = actor_class.mailbox_limit
        mailbox = Mailbox() if limit is None else BoundedMailbox(limit)
        return ActorState(f"{actor_class.__name__} {context.id!r}", context, mailbox)

    def make_ref(self, actor: BaseActor) -> Ref[Any]:
        """Return the reference of an incarnation."""
        state = actor._actor_state
        ref = self.ref_class(actor, state)
        state.links.belong_to(ref)
        return ref

    def begin(self, actor: BaseActor) -> None:
        """Have the hooks of ``actor`` run, and return at once."""
        state = actor._actor_state
        loop, context = self.loop_class(actor, state, self.stop_reason), state.context
        name = f"{context.id}#{context.incarnation}"
        state.thread = OccupiedThread(target=loop.run, name=name, daemon=actor.use_daemon_thread)
        state.thread.start()


class BaseActor(PykkaSeam):
    """A Pykka actor with a single end and exit reason, which spreads along links only.

    All that is the machinery's is in ``_actor_kind`` and ``_actor_state``.
    """

    use_daemon_thread: ClassVar[bool] = True
    """Unlike Pykka's: a thread that had to be abandoned would keep the interpreter from ending."""

    mailbox_limit: ClassVar[MailboxLimit | None] = None
    """How many messages may wait; None, the default, for any number."""

    kill_grace_s: ClassVar[float] = 0.25
    """Real seconds that each rung of the kill ladder waits before the next."""

    interruptible: ClassVar[bool] = True
    """Whether the kill ladder may raise an exception inside the actor's code, where it would not expect one. False for
    actors whose code holds locks that others need: they are abandoned instead."""

    _actor_kind: ClassVar[ActorKind] = ActorKind()
    _actor_state: ActorState

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_class(cls)

    def __init__(self) -> None:
        if not hasattr(self, "_actor_state"):
            set_context(self, StartContext(id=type(self).__name__))
        super().__init__()


def check_class(actor_class: type[BaseActor]) -> None:
    """Check the options of a class of actors.

    Raises:
        BadActor: one is of the wrong kind or value.
    """
    of = f"{actor_class.__name__}: "
    limit: object = actor_class.mailbox_limit
    if not (limit is None or isinstance(limit, MailboxLimit)):
        raise BadActor(f"{of}expected `mailbox_limit` to be a MailboxLimit or None, got {shown(limit)}")
    seconds = "a finite number of seconds >= 0"
    try:
        number("kill_grace_s", actor_class.kill_grace_s, at_least=0, of=of, expected=seconds)
        flag("interruptible", actor_class.interruptible, of=of)
        flag("use_daemon_thread", actor_class.use_daemon_thread, of=of)
    except BadSpec as wrong:
        raise BadActor(str(wrong)) from None


CLASS_OPTIONS = frozenset({"mailbox_limit", "kill_grace_s", "interruptible", "use_daemon_thread"})
"""The options of a class of actors."""


def check_instance(actor: BaseActor) -> None:
    """Check what the ``__init__`` of an actor did.

    Raises:
        BadActor: it did not call its superclass's, or set an option of the class, which would have no effect.
    """
    name, attributes = type(actor).__name__, vars(actor)
    if "actor_inbox" not in attributes:
        raise BadActor(f"expected {name}.__init__ to call super().__init__(); add the call")
    for option in CLASS_OPTIONS & attributes.keys():
        raise BadActor(f"expected `{option}` to be set in the class {name}, got it in an actor of it; move it there")


def set_context(actor: BaseActor, context: StartContext) -> None:
    """Give ``actor``, whose ``__init__`` is still to run, the state of an incarnation."""
    actor_class = type(actor)
    actor._actor_state = actor_class._actor_kind.make_state(actor_class, context)


def context_of(actor: BaseActor) -> StartContext:
    """Return the circumstances of the start of ``actor``."""
    return cast(StartContext, actor._actor_state.context)
