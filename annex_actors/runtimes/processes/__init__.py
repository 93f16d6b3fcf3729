"""Every stage is a Pykka actor in a process of its own.

A segmentation fault, a lack of memory or a ``kill -9`` ends one layer and no other.

The supervising process also hosts the trainer, which needs the data and the user's halt condition. A fork server starts
the process of a stage, `SpareWorkers` keeps some in reserve, `WorkerPool` assigns the stage to it, and it hosts the
same `PeerActor` as the threads runtime.

**Connections are pairs of sockets.** The supervising process makes a pair for each new incarnation of a peer and each
of its neighbours, and sends the ends to both, which then talk directly. Nothing listens, in no folder and on no port:
there is no address for a stranger to connect to, nothing to authenticate, and nothing to be left behind. Large arrays
travel beside the sockets, in memory that two neighbours share (`slab`). Likewise, commits (`stores.shared_log`) and the
workers' standard error are files without a name, which end with the processes that have them open. After a ``kill -9``
of everything there is nothing to clean up.

Read `hosting.workers` first. Then `encoding`, `framing` and `slab`; `link`, to the supervising process; `channel`, to a
neighbour, `arrivals` and `listening`; `worker` and `fork_server`; then, on the supervising side, `fork_server_process`,
`worker_process` and `spare_workers`; `two_ends` and `commit_logs`, of the connections and commits; `start_limit` and
`worker_pool`.
"""

from __future__ import annotations

import os
import pickle
import pickletools
from dataclasses import dataclass, replace

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.workers.worker_or_thread import WorkerOrThreadHost
from annex_actors.runtimes.processes.worker_pool import WorkerPool
from annex_actors.runtimes.processes.worker_process import has_importable_main
from annex_actors.runtimes.program import PeerSpec, Program
from annex_actors.runtimes.threads import ThreadHost
from supervisors import Strategy

_MOST = 1000
"""More spare processes than any job needs, and a number that a machine survives."""


@dataclass(frozen=True, slots=True)
class ProcessesRuntime:
    """A process for each stage.

    Args:
        affinity: pin each process to a core of its own, as long as there are enough; not on every system.
        spares: how many started processes wait to replace a dead one, >= 0. None: one; where the strategy restarts
            several layers at once, one for each stage.
        commit_every: steps between two commits of a stage, >= 1. The commit of a process is a copy. A layer that dies
            repeats the steps after its last commit, and its neighbours keep their messages for that long. A run that
            fails keeps what was committed; a run that ends or is halted commits its last step.

    Raises:
        ConfigError: a setting out of range.
    """

    affinity: bool = False
    spares: int | None = None
    commit_every: int = 4

    name = "processes"

    def __post_init__(self) -> None:
        checks.keep(
            self,
            affinity=checks.boolean("affinity", self.affinity),
            spares=None if self.spares is None else checks.whole_number("spares", self.spares, at_least=0, limit=_MOST),
            commit_every=checks.whole_number("commit_every", self.commit_every, at_least=1),
        )

    def start(self, program: Program) -> HostedJob:
        """Start the processes, all at once, then the supervision tree.

        Raises:
            ConfigError: a stage cannot be sent to another process, or processes cannot be pinned to cores.
        """
        if self.affinity and not hasattr(os, "sched_setaffinity"):
            raise ConfigError("expected a system that pins processes to cores for `affinity`, got none; leave it out")
        for spec in program.served:
            _check_can_be_sent(spec)
        alone = program.supervision.strategy is Strategy.ONE_FOR_ONE
        spares = self.spares if self.spares is not None else 1 if alone else len(program.stages)
        pool = WorkerPool(
            program, spares=spares, affinity=self.affinity, commit_every=self.commit_every, load=program.load
        )
        beside, host = ThreadHost(program.faults), WorkerOrThreadHost(pool, program)
        hosted = replace(program, store=pool.store)
        return SupervisedJob(hosted, lambda spec: beside if spec is program.driver else host, pool)


def _check_can_be_sent(spec: PeerSpec) -> None:
    try:
        pickled = pickle.dumps(spec, protocol=5, buffer_callback=lambda _: None)
    except Exception as error:
        raise ConfigError(
            f"expected {spec.label} to be what can be sent to a process, got {type(error).__name__}: {error}; "
            "define its class and functions at the top of a module"
        ) from error
    if not has_importable_main() and _names_main(pickled):
        raise ConfigError(
            f"expected {spec.label} to be what a process can import, got a class of a program that is no file; "
            "put the class into a file, and import it from there"
        )


def _names_main(pickled: bytes) -> bool:
    """Return whether a pickle looks something up in the main module."""
    return any(argument == "__main__" for _, argument, _ in pickletools.genops(pickled))
