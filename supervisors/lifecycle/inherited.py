"""Actors of a process that this one was forked from: their threads are not here, and so they have ended."""

from __future__ import annotations

import os
import threading

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.fenced import FENCED
from supervisors.lifecycle.links import Links
from supervisors.rules.reasons import NOPROC
from supervisors.threads.forks import PROCESS
from supervisors.threads.latch import Latch

_LOCK = type(threading.Lock())

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FENCED.clear)


def end_inherited(state: ActorState) -> None:
    """End an actor that was started before this process was forked from another.

    Nothing of it is called and no lock of it is taken: a thread of the parent may have held that at the fork.
    """
    if state.process is PROCESS.mark or state.process is None:
        return
    state.process = None
    for name, value in tuple(vars(state).items()):
        if isinstance(value, _LOCK):
            setattr(state, name, threading.Lock())
        elif isinstance(value, Latch):
            value.set_in_child()
    state.links = Links(state.mailbox)
    state.links.end(NOPROC)
    state.current, state.busy, state.thread = None, False, None
    state.mailbox.closed = state.mailbox.leaving = True
