"""OTP supervision for Pykka actors: actors may crash, and a supervisor starts them again.

An actor that raises ends, with a reason; its supervisor starts a fresh one; and if that does not help soon, the
supervisor ends itself, so that the next one above starts the whole branch again. The rules and the names are OTP's. The
package needs Pykka and the standard library, and knows nothing of what its actors do. ``README.md`` beside this file
explains it with a longer example, and in which order to read the code.

>>> from supervisors import Actor, ChildSpec, Supervisor
>>> class Divider(Actor):
...     def on_receive(self, message):
...         return 12 // message, self.incarnation
>>> with Supervisor.start([ChildSpec.of(Divider, id="divider")], strategy="one_for_one") as tree:
...     tree.which_child("divider").ref.ask(4)
(3, 1)


What there is
=============

- `Actor`: links, monitors, exit reasons, timers, selective receive; `MailboxLimit` for a bounded mailbox.
- `ScheduledActor`: an `Actor` without a thread of its own. A `Scheduler` runs any number of them on as many threads as
  there are cores, the most urgent first; all else here works on them as well.
- `ChildSpec`: one child, as data. `Supervisor`: a fixed list of them, and a strategy. `DynamicSupervisor`: children
  that come and go. `PartitionSupervisor`: copies of one child, routed to by key. `TaskSupervisor`: one-off work.
- `Registry`: names, or topics, for actors that change with every restart; `NamedRef`: whichever actor has a name.
  `find_actors`: the actors of a tree by their class.
- `run_until_signal`: the main thread of a program that is a tree. In coroutines: `Ref.ask_async`, and ``await`` on
  every future.
- Hooks, called with every `Event`; `render_tree`, a living tree as text; reports to the logger ``supervisors``.
- `Child`: what a child must be, whatever it runs on. `ThreadChild` is the one for actors; an OS process or a machine
  far away is one more class of about sixty lines, and `supervisors.testing.check_child` tells whether it is right.
- `Strategy`, `RestartWindow`, `Restart`, `Backoff`: the decisions, pure, for programs that run something else.
- `supervisors.testing`: a manual clock, scripted children, crashes on order.


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
type           worker, supervisor                    from the class       how it is counted
significant    bool                                  False                whether its own end counts for auto_shutdown
may_abandon    bool                                  True, unless         whether it may be given up where it cannot be
                                                     BRUTAL_KILL          killed; if not, such a host is refused
name           hashable                              None                 registered under it from start to end
start_timeout  seconds > 0, INFINITY                 INFINITY             how long its on_start may take; after that it
                                                                          is ended by force, and has not started
============== ===================================== ==================== ============================================

A supervisor (`Supervisor.start`; `DynamicSupervisor.start` has no strategy, children and auto_shutdown, but
``max_children``, int >= 0 or None, default None, and ``extra_arguments``, a list put before those of every child).
Those from ``hooks`` on hold for the whole tree, and only a root takes them:

================ ================================ ============ ========================================================
option           type                             default      meaning
================ ================================ ============ ========================================================
children         list of specifications, or a     required     also an actor class, (class, arguments...), or a dict
                 function that returns one
strategy         one_for_one, one_for_all,        required     which others are restarted with a child that ended:
                 rest_for_one                                  none; all; those started after it
max_restarts     int >= 0                         3            how many restarts ...
max_seconds      seconds > 0                      5.0          ... within so many seconds; one more ends the supervisor
auto_shutdown    never, any_significant,          never        whether it ends when significant children have ended by
                 all_significant                               themselves
backoff          Backoff or None                  None         pause before each restart: min_s 0.1, max_s 10.0 seconds,
                                                               factor 2.0, jitter 0.0 (a fraction), seed 0
name             str                              "supervisor" of the root
hooks            list of callables, or Hooks      none         called with every event in the whole tree
clock            Clock                            the system's where the whole tree takes the time from
registry         Registry                         a new one    where the named children of the tree are registered
mailbox_sample_s seconds > 0 or None              None         how often the hooks get the depth of each mailbox
logger           str                              supervisors  the name of the logger that the tree's reports go to
================ ================================ ============ ========================================================

An actor class, as class variables: ``mailbox_limit`` (`MailboxLimit` or None, default None), ``kill_grace_s`` (seconds,
default 0.25: how long each step of the kill ladder waits), ``interruptible`` (bool, default True: whether that ladder
may raise an exception inside its code), ``use_daemon_thread`` (bool, default True).

A `Scheduler`: ``threads`` (int >= 1, or None, the default, for as many as cores), ``blocked_after_s`` (seconds > 0,
default 0.1: a longer turn counts as blocked, and another thread takes its place), ``deadline_s`` (seconds > 0, or None,
the default, for never: after which a turn is made to end), ``name`` (of its threads).


How it differs from OTP, and why
================================

- A stop takes effect between two messages and not within one: nothing can interrupt a thread safely. Stops and exit
  signals still overtake the messages that wait.
- A kill may end in `Abandoned`: a thread that is stuck in C code, a lock or a sleep cannot be killed, only fenced off.
  So a ``shutdown`` of `BRUTAL_KILL` is refused at the start unless the specification says that this is acceptable. In
  the waits of this package (an ask, `Ref.wait`, a receive, a full mailbox, a start) a kill takes effect at once.
- Any value is an exit reason, as in OTP: what is no `Reason` becomes an `Exited`, and an exception a `Crashed`.
- An actor that has left its loop answers no question any more, also while it runs its last hook or stops its children:
  each fails at once with `Stopping`. A child that gets it from a supervisor above, and does not catch it, ends in
  order, where OTP's exit signal would end it inside the call.
- A wait that only the one who waits could end is a `RuntimeError` at once: for oneself, or for a supervisor above that
  waits for this branch to start or to end. In OTP it is a deadlock until a timeout.
- A start that hangs is ended by force: after ``start_timeout``, which is a child's option here and one of `gen_server`
  in OTP; after its ``shutdown`` time when its supervisor is told to stop; at once when that is killed. ``cancelled`` is
  set then, so that ``on_start`` can end by itself. The time of ``__init__``, which runs in the supervisor's thread,
  does not count.
- ``__init__`` runs in the thread that starts the actor, as in Pykka; ``on_start`` in its own. Both belong to the start.
- ``on_stop`` runs at every orderly end, not only in an actor that traps exits: Python programs rely on cleaning up.
- The defaults are Elixir's, 3 restarts in 5 seconds, and so is the strategy that must be said; OTP's are 1 in 5 and
  one_for_one. ``max_seconds`` may be a fraction, but time is counted in whole seconds as in OTP.
- There is no simple_one_for_one: `DynamicSupervisor` takes its place, with Elixir's rules. So terminating a child that
  has ended already is `NotFound` there, where OTP's simple_one_for_one says ok.
- An incarnation number counts every attempt to start, failed ones too; OTP has process identifiers.
  `StartContext.lineage` orders incarnations even across a restart of the supervisor itself.
- Any code may register an actor, where Elixir lets only the actor itself: a supervisor does it for its children, before
  ``on_start``.
- Hooks are called in the supervisor's thread, and removed when they raise; OTP has a log handler there.
- What a call of a supervisor raises is its caller's, also for a wrong call, and never ends the supervisor.
- The frames of a crash lose their variables when the actor's thread ends, so that a reason keeps no actor in memory.
  Its traceback prints as before, and ``on_failure`` still finds everything. Erlang's reasons hold copies.
- Beyond OTP, and off unless asked for: backoff, bounded mailboxes, deadlines, counted dead letters.
- Left out, since Python has no such thing: code change with a new version of a module (`SupervisorRef.reconfigure`
  gives new options and specifications), hibernation, names across machines.
- A specification as a dict may have no unknown keys, where OTP ignores them: a misspelt option is refused by name, as
  everywhere here, and with it arguments that the actor's class does not take.
- A supervisor of a program's own is a subclass with an ``__init__``, where OTP has a module with ``init``; its hooks
  have no part in the work on its children.
- A `NamedRef` waits for a successor; in OTP a call to a name that no process has fails.
- Actors are not in `pykka.ActorRegistry`: its ``stop_all``, which Pykka calls when any actor raises a `BaseException`,
  would stop the whole tree from the wrong end.

Threads: hooks run in the supervisor's thread, which waits for them, and must not call it. All methods of references and
registries may be called from any thread.
"""

from __future__ import annotations

from supervisors.actor import Actor
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
from supervisors.children.records import ChildInfo, ChildState
from supervisors.children.reports import Report
from supervisors.children.spec import ChildSpec
from supervisors.children.thread_child import ThreadChild
from supervisors.dynamic import DynamicSupervisor, DynamicSupervisorRef
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.fenced import abandoned_threads
from supervisors.lifecycle.hooks import DeadLetter, Event, Hook, Hooks, on
from supervisors.lifecycle.mailbox import MailboxLimit, Overflow
from supervisors.lifecycle.named_ref import NamedRef
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.registry import Registry
from supervisors.lifecycle.signals import Down, Exit
from supervisors.partition import PartitionRef, PartitionSupervisor
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import (
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    BadActor,
    BadSpec,
    ChildError,
    DeadlineExceeded,
    DuplicateChild,
    HungStart,
    Ignore,
    KillRefused,
    MailboxFull,
    MaxChildren,
    NotFound,
    NotSupported,
    StartError,
    StillRestarting,
    StillRunning,
    Stopping,
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
    Exited,
    FailedToStart,
    Killed,
    NoProc,
    Normal,
    Reason,
    Shutdown,
)
from supervisors.rules.strategy import AutoShutdown, Restart, Strategy
from supervisors.rules.termination import BRUTAL_KILL, INFINITY, ChildType
from supervisors.rules.window import RestartWindow
from supervisors.run_until_signal import run_until_signal
from supervisors.scheduled import ScheduledActor
from supervisors.supervisor import Supervisor
from supervisors.supervisor_ref import SupervisorRef
from supervisors.tasks import Task, TaskSupervisor, TaskSupervisorRef
from supervisors.threads.clock import Clock
from supervisors.threads.scheduler import Scheduler
from supervisors.tree import find_actors, render_tree

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
    "Backoff",
    "BadActor",
    "BadSpec",
    "Child",
    "ChildAbandoned",
    "ChildError",
    "ChildEvent",
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
    "Exited",
    "FailedToStart",
    "Flags",
    "Hook",
    "Hooks",
    "HungStart",
    "Ignore",
    "KillRefused",
    "Killed",
    "MailboxDepth",
    "MailboxFull",
    "MailboxLimit",
    "MaxChildren",
    "NamedRef",
    "NoProc",
    "Normal",
    "NotFound",
    "NotSupported",
    "Overflow",
    "PartitionRef",
    "PartitionSupervisor",
    "Reason",
    "Ref",
    "Registry",
    "Report",
    "Restart",
    "RestartWindow",
    "Rung",
    "ScheduledActor",
    "Scheduler",
    "Shutdown",
    "StartContext",
    "StartError",
    "StillRestarting",
    "StillRunning",
    "Stopping",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "SupervisorRef",
    "Task",
    "TaskSupervisor",
    "TaskSupervisorRef",
    "ThreadChild",
    "abandoned_threads",
    "find_actors",
    "kill",
    "on",
    "render_tree",
    "run_until_signal",
]
