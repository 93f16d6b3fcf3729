"""What a fork does to things that threads of the parent take care of: in the child those threads are not there."""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

from supervisors.threads.occupied import OccupiedThread


class ParentsThing(Protocol):
    """Something that belongs to the process that made it, and has to be told of a fork."""

    def forget_parent(self) -> None:
        """Drop what belongs to the parent; called in the child, where no other thread is, to free a lock."""


class Process:
    """This process, as far as it differs from the one that it was forked from."""

    def __init__(self) -> None:
        self.mark = object()
        """Another object in each process: what was made with another mark was made before a fork."""
        self._things: WeakSet[ParentsThing] = WeakSet()

    def tell_of_forks(self, thing: ParentsThing) -> None:
        """Have ``thing`` forget its parent in each child of this process."""
        self._things.add(thing)

    def become_child(self) -> None:
        """Begin a life of its own; called in the child."""
        self.mark = object()
        thread = threading.current_thread()
        if isinstance(thread, OccupiedThread):
            thread.occupant = None  # the parent's actor goes on in the parent
        for thing in tuple(self._things):
            thing.forget_parent()


PROCESS = Process()
"""The process that this code runs in."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.become_child)
