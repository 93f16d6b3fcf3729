"""Tools for tests of supervised programs: time that stands still, crashes on order, and a check for new hosts.

- `ManualClock` for everything that waits: restart windows, backoff, timers, shutdown times.
- `crashing` makes an actor class crash at chosen messages of chosen incarnations.
- `ScriptedStart` and `ScriptedChild` stand for a child without a thread, whose starts and end are scripted.
- `check_child` checks that a host of your own keeps the rules of `supervisors.Child`.
"""

from __future__ import annotations

from supervisors.testing.check_child import CHILD_CHECKS, check_child
from supervisors.testing.crashing import ScriptedCrash, crashing
from supervisors.testing.manual_clock import ManualClock
from supervisors.testing.scripted_child import ScriptedChild, ScriptedStart

__all__ = [
    "CHILD_CHECKS",
    "ManualClock",
    "ScriptedChild",
    "ScriptedCrash",
    "ScriptedStart",
    "check_child",
    "crashing",
]
