"""OTP supervision for Pykka actors."""

from __future__ import annotations

from supervisors.actor import Actor, exit
from supervisors.backoff import Backoff
from supervisors.calls import BaseSupervisorRef
from supervisors.cell import abandoned_threads
from supervisors.child import Child, ChildType, Rung, StartContext
from supervisors.clock import Clock, SystemClock
from supervisors.dynamic import DynamicSupervisor, DynamicSupervisorRef
from supervisors.errors import (
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildError,
    DeadlineExceeded,
    DuplicateChild,
    Ignore,
    KillRefused,
    MailboxFull,
    MaxChildren,
    NotFound,
    NotSupported,
    StartError,
    StillRestarting,
    StillRunning,
    SupervisionError,
)
from supervisors.events import (
    ChildAbandoned,
    ChildEvent,
    ChildExited,
    ChildReady,
    ChildRestarted,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
    DeadLetter,
    Escalated,
    Event,
    Hook,
    Hooks,
    MailboxDepth,
    on,
)
from supervisors.flags import Flags
from supervisors.mailbox import MailboxLimit, Overflow
from supervisors.partition import PartitionRef, PartitionSupervisor, partition_of
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
from supervisors.registry import Keys, Listener, Registered, Registration, Registry, Unregistered
from supervisors.reports import Context, Offender, Report
from supervisors.signals import Down, Exit
from supervisors.slots import ChildInfo, ChildState, Counts
from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.spec import BRUTAL_KILL, INFINITY, ActorStart, ChildSpec, SpecLike, to_spec, to_specs
from supervisors.strategy import AutoShutdown, Plan, Restart, Strategy, Verdict
from supervisors.supervisor import Supervisor
from supervisors.supervisor_ref import SupervisorRef
from supervisors.tasks import Task, TaskSupervisor, TaskSupervisorRef
from supervisors.thread_child import ThreadChild
from supervisors.timers import Timer, Timers
from supervisors.tree import render_tree
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
    "ActorStart",
    "AlreadyPresent",
    "AlreadyStarted",
    "AutoShutdown",
    "Backoff",
    "BadSpec",
    "BaseSupervisorRef",
    "Child",
    "ChildAbandoned",
    "ChildError",
    "ChildEvent",
    "ChildExited",
    "ChildInfo",
    "ChildReady",
    "ChildRestarted",
    "ChildShutdownFailed",
    "ChildSnapshot",
    "ChildSpec",
    "ChildStartFailed",
    "ChildStarting",
    "ChildState",
    "ChildType",
    "Clock",
    "Context",
    "Counts",
    "Crashed",
    "DeadLetter",
    "DeadlineExceeded",
    "Down",
    "DuplicateChild",
    "DynamicSupervisor",
    "DynamicSupervisorRef",
    "Escalated",
    "Escalation",
    "Event",
    "Exit",
    "FailedToStart",
    "Flags",
    "Hook",
    "Hooks",
    "Ignore",
    "Keys",
    "KillRefused",
    "Killed",
    "Listener",
    "MailboxDepth",
    "MailboxFull",
    "MailboxLimit",
    "MaxChildren",
    "NoProc",
    "Normal",
    "NotFound",
    "NotSupported",
    "Offender",
    "Overflow",
    "PartitionRef",
    "PartitionSupervisor",
    "Plan",
    "Reason",
    "Ref",
    "Registered",
    "Registration",
    "Registry",
    "Report",
    "Restart",
    "RestartWindow",
    "Rung",
    "Shutdown",
    "SpecLike",
    "StartContext",
    "StartError",
    "StillRestarting",
    "StillRunning",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "SupervisorRef",
    "SupervisorSnapshot",
    "SystemClock",
    "Task",
    "TaskSupervisor",
    "TaskSupervisorRef",
    "ThreadChild",
    "Timer",
    "Timers",
    "Unregistered",
    "Verdict",
    "abandoned_threads",
    "exit",
    "on",
    "partition_of",
    "render_tree",
    "to_spec",
    "to_specs",
]
