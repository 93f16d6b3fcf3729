"""OTP supervision for Pykka actors: actors may crash, and something that knows how starts them again.

Pykka gives an actor a thread, a mailbox and a reference. It does not say what happens when the actor fails, and what it
does then is seldom what one wants: an exception in an ``ask`` leaves the actor running in whatever state it is, a
`BaseException` stops every actor of the process, and an ``ask`` that races with a stop may never be answered. Erlang's
OTP has had the answer for decades: let it crash. An actor that meets something it does not understand ends, with a
reason; a supervisor, which does nothing else, hears of it and starts a fresh one; and if that does not help soon, it
ends itself, so that the next supervisor above starts the whole branch afresh. Code that handles errors nobody expected
is code nobody has tested; a restart leads back to the one state that is tested at every start.

This package is that: OTP's supervisors, links, monitors and exit reasons, with OTP's names and OTP's rules, for actors
that are written as in Pykka. It needs Pykka and the standard library, and knows nothing of what its actors do.


A worked example
================

An actor is a Pykka actor with another base class. A specification says how to start it; a supervisor does it.

>>> import queue
>>> from supervisors import Actor, ChildExited, ChildReady, ChildSpec, Registry, Supervisor, on
>>> class Divider(Actor):
...     def on_receive(self, message):
...         return 12 // message, self.incarnation
>>> registry, ready, ended = Registry(), queue.SimpleQueue(), []
>>> tree = Supervisor.start(
...     [ChildSpec.of(Divider, id="divider", name="divider")],
...     strategy="one_for_one",
...     registry=registry,
...     hooks=[on(ChildReady, ready.put), on(ChildExited, lambda event: ended.append(str(event.reason)))],
... )
>>> ready.get().incarnation
1
>>> registry.whereis("divider").ask(4)
(3, 1)
>>> registry.whereis("divider").ask(0)
Traceback (most recent call last):
ZeroDivisionError: integer division or modulo by zero
>>> ready.get().incarnation
2
>>> ended
['ZeroDivisionError: integer division or modulo by zero']
>>> registry.whereis("divider").ask(4)
(3, 2)
>>> tree.stop()
True
>>> ended[-1]
'shutdown'

Who had asked got the exception; the actor that raised it is gone, and what waited in its mailbox with it; its successor
has the same name, a new reference and the next incarnation number. So hold names and not references, and keep outside
of the actor what is to outlive it. A reference whose actor has ended is still good for one thing: `Ref.tell` to it does
nothing and is counted, and `Ref.ask` fails with `ActorDead`; no question is ever left without an outcome.


What there is
=============

- `Actor`: links, monitors, exit reasons, timers, selective receive; `MailboxLimit` for a bounded mailbox.
- `ScheduledActor`: an `Actor` without a thread of its own. A `Scheduler` runs any number of them on as many threads as
  there are cores, the most urgent first; all else here works on them as well. See `supervisors.threads.scheduler`.
- `ChildSpec`: one child, as data. `Supervisor`: a fixed list of them, and a strategy. `DynamicSupervisor`: children
  that come and go. `PartitionSupervisor`: copies of one child, routed to by key. `TaskSupervisor`: one-off work.
- `Registry`: names, or topics, for actors that change with every restart.
- Hooks, which are told every `Event`; `render_tree`, a living tree as text; reports to the logger ``supervisors``.
- `Child`: what a child must be, whatever it runs on. `ThreadChild` is the one for actors; an OS process or a machine
  far away is one more class of about sixty lines, and `supervisors.testing.check_child` tells whether it is right.
- `Strategy`, `RestartWindow`, `Restart`, `Backoff`: the decisions, pure, for whoever runs something of their own.
- `supervisors.testing`: a clock that goes when it is told to, scripted children, crashes on order.


Options
=======

A child (`ChildSpec`, or `ChildSpec.of` with an actor class and its arguments):

============== ===================================== ==================== ============================================
option         type                                  default              meaning
============== ===================================== ==================== ============================================
id             str                                   the class's name     unique in its supervisor
start          callable                              from the class       starts the child, at every start
restart        permanent, transient, temporary       permanent            always; after a crash only; never
shutdown       seconds >= 0, INFINITY, BRUTAL_KILL   5.0; supervisors     how long it may take to stop before force is
                                                     INFINITY             used; BRUTAL_KILL does not ask
type           worker, supervisor                    from the class       what it is counted as
significant    bool                                  False                whether its own end counts for auto_shutdown
may_abandon    bool                                  True, unless         whether it may be given up where it cannot be
                                                     BRUTAL_KILL          killed; if not, such a host is refused
name           hashable                              None                 registered under it from start to end
============== ===================================== ==================== ============================================

A supervisor (`Supervisor.start`; `DynamicSupervisor.start` has no strategy, children and auto_shutdown, but
``max_children``, int >= 0 or None, default None, and ``extra_arguments``, a list put before those of every child):

================ ================================ ============ ========================================================
option           type                             default      meaning
================ ================================ ============ ========================================================
children         list of specifications, or a     required     also an actor class, (class, arguments...), or a dict
                 function that returns one
strategy         one_for_one, one_for_all,        required     who is restarted with a child that ended: nobody;
                 rest_for_one                                  everybody; those started after it
max_restarts     int >= 0                         3            so many restarts ...
max_seconds      seconds > 0                      5.0          ... within so many seconds; one more ends the supervisor
auto_shutdown    never, any_significant,          never        whether it ends when significant children have ended by
                 all_significant                               themselves
backoff          Backoff or None                  None         pause before each restart: min_s 0.1, max_s 10.0 seconds,
                                                               factor 2.0, jitter 0.0 (a fraction), seed 0
name             str                              "supervisor" of the root
hooks            list of callables, or Hooks      none         are told every event in the whole tree
clock            Clock                            the system's where the whole tree takes the time from
registry         Registry                         a new one    where the named children of the tree are registered
mailbox_sample_s seconds > 0 or None              None         how often the hooks are told the depth of each mailbox
================ ================================ ============ ========================================================

An actor class, as class variables: ``mailbox_limit`` (`MailboxLimit` or None, default None), ``kill_grace_s`` (seconds,
default 0.25: how long each step of the kill ladder waits), ``interruptible`` (bool, default True: whether that ladder
may raise an exception inside its code), ``use_daemon_thread`` (bool, default True).


When not to use it
==================

- For errors that are expected. A missing file is an answer, and not a crash.
- To limit what foreign code may do. A Python thread cannot be killed: a child stuck in C code, in a lock or in a
  ``sleep`` is asked to stop, its cancel token is set, an exception is raised in it as soon as it runs Python again; and
  when all of that is of no use it is *abandoned*: fenced off, so that nothing it still sends, answers or registers has
  any effect, reported as `ChildAbandoned`, counted, and never called killed. Its thread and its memory stay. What must
  be killed belongs in an OS process behind the `Child` protocol.
- Where that exception would do harm. It may come between any two lines, also while a lock is held or half of a file is
  written. Set ``interruptible = False`` on such a class, and look at ``self.stop_requested`` in long work.
- For a hundred thousand actors. Each has a thread; a thousand are no trouble.


How it differs from OTP, and why
================================

- A stop takes effect between two messages and not within one: nothing can interrupt a thread safely. Stops and exit
  signals still overtake the messages that wait.
- A kill may end in `Abandoned`, for the reason above; so a ``shutdown`` of `BRUTAL_KILL` is refused at the start unless
  the specification says that this is acceptable.
- ``__init__`` runs in the thread that starts the actor, as in Pykka; ``on_start`` in its own. Both belong to the start.
- ``on_stop`` runs at every orderly end, not only in an actor that traps exits: Python programs rely on cleaning up.
- The defaults are Elixir's, 3 restarts in 5 seconds, and so is the strategy that must be said; OTP's are 1 in 5 and
  one_for_one. ``max_seconds`` may be a fraction, but time is counted in whole seconds as in OTP.
- There is no simple_one_for_one: `DynamicSupervisor` takes its place, with Elixir's rules. So terminating a child that
  has ended already is `NotFound` there, where OTP's simple_one_for_one says ok.
- An incarnation number counts every attempt to start, failed ones too; OTP has process identifiers.
  `StartContext.lineage` orders incarnations even across a restart of the supervisor itself.
- Anybody may register an actor, where Elixir lets only itself: a supervisor does it for its children, before
  ``on_start``.
- A hook that raises is removed, and told events synchronously in the supervisor's thread; OTP has a log handler there.
- Beyond OTP, and off unless asked for: backoff, bounded mailboxes, deadlines, counted dead letters.
- Left out, since Python has no such thing: code change with a new version of a module (`SupervisorRef.reconfigure`
  gives new options and specifications), hibernation, names across machines.
- Actors are not in `pykka.ActorRegistry`: its ``stop_all``, which Pykka calls when any actor raises a `BaseException`,
  would stop the whole tree from the wrong end.

Threads: hooks run in the supervisor's thread, which waits for them, and must not call it. All methods of references and
registries may be called from any thread. A child must not call its own supervisor while it starts or stops.
"""

from __future__ import annotations

from supervisors.actor import Actor, exit
from supervisors.calls import BaseSupervisorRef
from supervisors.children.child import Child, Rung
from supervisors.children.events import (
    ChildAbandoned,
    ChildEvent,
    ChildExited,
    ChildReady,
    ChildRestarted,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
    Escalated,
    MailboxDepth,
)
from supervisors.children.kill_ladder import kill
from supervisors.children.records import ChildInfo, ChildState, Counts
from supervisors.children.reports import Context, Offender, Report
from supervisors.children.snapshots import ChildSnapshot, SupervisorSnapshot
from supervisors.children.spec import ActorStart, ChildSpec
from supervisors.children.thread_child import ThreadChild
from supervisors.dynamic import DynamicSupervisor, DynamicSupervisorRef
from supervisors.lifecycle.actor_state import abandoned_threads
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.hooks import DeadLetter, Event, Hook, Hooks, on
from supervisors.lifecycle.mailbox import MailboxLimit, Overflow
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.registry import Keys, Listener, Registered, Registration, Registry, Unregistered
from supervisors.lifecycle.signals import Down, Exit
from supervisors.partition import PartitionRef, PartitionSupervisor, partition_of
from supervisors.root import TreeOptions
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import (
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
from supervisors.rules.flags import Flags
from supervisors.rules.reasons import (
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
from supervisors.rules.strategy import AutoShutdown, Plan, Restart, Strategy, Verdict
from supervisors.rules.termination import BRUTAL_KILL, INFINITY, ChildType
from supervisors.rules.window import RestartWindow
from supervisors.scheduled import ScheduledActor
from supervisors.spec_like import SpecLike, to_spec, to_specs
from supervisors.supervisor import Supervisor
from supervisors.supervisor_ref import SupervisorRef
from supervisors.tasks import Task, TaskSupervisor, TaskSupervisorRef
from supervisors.threads.clock import Clock, SystemClock
from supervisors.threads.scheduler import Scheduler
from supervisors.threads.timers import Timer, Timers
from supervisors.tree import render_tree

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
    "ScheduledActor",
    "Scheduler",
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
    "TreeOptions",
    "Unregistered",
    "Verdict",
    "abandoned_threads",
    "exit",
    "kill",
    "on",
    "partition_of",
    "render_tree",
    "to_spec",
    "to_specs",
]
