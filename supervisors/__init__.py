"""OTP supervision for Pykka actors."""

from __future__ import annotations

from supervisors.actor import Actor, exit
from supervisors.calls import SupervisorRef
from supervisors.child import Child, ChildType, Rung, StartContext
from supervisors.clock import Clock, SystemClock
from supervisors.errors import (
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildError,
    DuplicateChild,
    Ignore,
    KillRefused,
    MaxChildren,
    NotFound,
    StartError,
    StillRestarting,
    StillRunning,
    SupervisionError,
)
from supervisors.events import (
    ChildAbandoned,
    ChildExited,
    ChildReady,
    ChildRestarted,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
    Escalated,
    Event,
    Hook,
    Hooks,
    on,
)
from supervisors.reasons import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Abandoned,
    Crashed,
    Escalation,
    FailedToStart,
    Killed,
    NoProc,
    Normal,
    Reason,
    Shutdown,
)
from supervisors.ref import Ref
from supervisors.registry import Registration, Registry
from supervisors.signals import Down, Exit
from supervisors.slots import ChildInfo, ChildState, Counts
from supervisors.spec import BRUTAL_KILL, INFINITY, ChildSpec
from supervisors.strategy import AutoShutdown, Plan, Restart, Strategy, Verdict
from supervisors.supervisor import Supervisor
from supervisors.thread_child import ThreadChild
from supervisors.window import RestartWindow

__all__ = [
    "BRUTAL_KILL",
    "INFINITY",
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "Abandoned",
    "Actor",
    "ActorDead",
    "AlreadyPresent",
    "AlreadyStarted",
    "AutoShutdown",
    "BadSpec",
    "Child",
    "ChildAbandoned",
    "ChildError",
    "ChildExited",
    "ChildInfo",
    "ChildReady",
    "ChildRestarted",
    "ChildShutdownFailed",
    "ChildSpec",
    "ChildStartFailed",
    "ChildStarting",
    "ChildState",
    "ChildType",
    "Clock",
    "Counts",
    "Crashed",
    "Down",
    "DuplicateChild",
    "Escalated",
    "Escalation",
    "Event",
    "Exit",
    "FailedToStart",
    "Hook",
    "Hooks",
    "Ignore",
    "KillRefused",
    "Killed",
    "MaxChildren",
    "NoProc",
    "Normal",
    "NotFound",
    "Plan",
    "Reason",
    "Ref",
    "Registration",
    "Registry",
    "Restart",
    "RestartWindow",
    "Rung",
    "Shutdown",
    "StartContext",
    "StartError",
    "StillRestarting",
    "StillRunning",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "SupervisorRef",
    "SystemClock",
    "ThreadChild",
    "Verdict",
    "exit",
    "on",
]
