"""What the host of a peer says when it is asked how the peer does. Only people ask, so a run pays nothing for it."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from threading import Thread
from typing import Any

from supervisors import Ref, ThreadChild


@dataclass(frozen=True, slots=True)
class Probed:
    """How a peer does.

    Args:
        waiting: the number of messages that have arrived and are not handled.
        stack: the calls that its thread is in, innermost last, each as ``file:line in function``; empty where no thread
            runs it, or none was asked for.
        cpu_s: the processor time that this thread has had, in seconds; None likewise.
    """

    waiting: int
    stack: tuple[str, ...] = ()
    cpu_s: float | None = None


def probed(ref: Ref[Any], held: int, *, deep: bool) -> Probed:
    """Return how a peer that is an actor of this process does; see `Probed`.

    Args:
        ref: the actor.
        held: how many of the messages that wait its node holds already.
        deep: whether the stack is wanted too, which takes longer.
    """
    child = ThreadChild(ref)
    waiting, thread = child.depth() + held, child.thread if deep else None
    stack = () if thread is None else _stack(thread)
    if thread is None or child.thread is not thread:  # on a scheduler, it may run another actor by now
        return Probed(waiting)
    return Probed(waiting, stack, _processor_time(thread))


def _stack(thread: Thread) -> tuple[str, ...]:
    frame = sys._current_frames().get(thread.ident or 0)
    calls = traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False) if frame else []
    return tuple(f"{call.filename}:{call.lineno} in {call.name}" for call in reversed(calls))


def _processor_time(thread: Thread) -> float | None:
    """Return the processor time of one thread; None where the system does not say. To list all takes long."""
    try:
        with open(f"/proc/self/task/{thread.native_id}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()  # the name before it may have spaces
    except OSError:
        return None
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")


_USER, _SYSTEM = 11, 12
"""The places of the times in that file, after the name; see proc(5)."""
