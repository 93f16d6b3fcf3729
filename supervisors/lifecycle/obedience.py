"""What an actor does about the signals that have reached it; called in its own thread, wherever that looks at them."""

from __future__ import annotations

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.mailbox import Envelope
from supervisors.lifecycle.signals import Exit, ExitNow, ExitSignal, Kill, KillSignal, StopSignal, takes_effect


def obey(state: ActorState) -> None:
    """Do what the signals say; raises when they say that this is the end."""
    signals = state.mailbox.signals
    while signals:
        match signals.popleft():
            case KillSignal():
                raise Kill
            case StopSignal(reason):
                state.told_to_stop = True
                raise ExitNow(reason)
            case ExitSignal() as signal:
                _obey_exit(state, signal)


def obey_before(state: ActorState, envelope: Envelope) -> None:
    """Obey the signals; if they end the actor, ``envelope`` is not handled but left for the dead letters."""
    state.mailbox.stash.appendleft(envelope)
    state.current = None
    obey(state)
    state.current = state.mailbox.stash.popleft()


def _obey_exit(state: ActorState, signal: ExitSignal) -> None:
    if signal.linked and signal.sender is not None and not state.links.take_link(signal.sender):
        return
    if state.trapping:
        state.mailbox.put_system(Exit(signal.ref, signal.reason))
    elif takes_effect(signal, from_self=signal.sender is state.links):
        raise ExitNow(signal.reason)
