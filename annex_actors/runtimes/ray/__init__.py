"""Every stage is a Ray actor: in a process of its own, on any node of a cluster.

The supervising process, Ray's driver, hosts supervisors and trainer, and no message between two stages comes by. A
stage calls the actors of its neighbours. Ray's own restarts are off: the supervision tree decides, as on all runtimes,
and Ray tells it that an actor, its process or its node has died.

**One call waits in each actor** (`RemoteWorker.listen`), and returns with what the peer has to say to the supervising
process; when the actor dies, it raises. So it is the way for messages, the heartbeat and the notice of death at once,
and nothing of the supervising process must be reachable from the nodes.

**Order.** Ray runs the calls of one caller to one concurrency group of an actor in their order. Deliveries have a group
with one thread, control messages another, so that a probe is answered while messages wait. Each channel numbers its
messages: should Ray lose one, its receiver ends and is restarted, and its neighbours send again.

**Commits** go to store actors, which live elsewhere than the stages that they protect. A commit is made once each copy
has it; a copy that dies is replaced, and filled from another one and by the stages that commit to it.

Read `hosting.workers` first. Then `cluster` (a Ray that is joined or started), `facts` (what nodes must have in
common), `places` and `planned_places` (where actors live); in the actor `outbox`, `careful` and `remote_worker`; the
same actor as the supervising process sees it in `actor_worker` and `spare_actors`; commits in `commit_store`,
`copied_log` and `stored_commits`; and `pool`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.workers.worker_or_thread import WorkerOrThreadHost
from annex_actors.runtimes.program import Program
from annex_actors.runtimes.threads import ThreadHost

_MOST = 100

MISSING = "expected Ray for runtime ray, got none; pip install 'annex-actors[ray]'"


@dataclass(frozen=True, slots=True)
class RayRuntime:
    """A Ray actor for each stage.

    Args:
        ray_address: the Ray cluster to join, as `ray.init` takes its address; left out, that of ``RAY_ADDRESS``, or if
            there is none a Ray on this machine that is shut down at the end. In a program that has called `ray.init`
            itself, that Ray is used, and left as it is.
        commit_copies: how many store actors have each commit, >= 1, where possible on other nodes than the stage.
        commit_every: steps between two commits of a stage, >= 1; see `ProcessesRuntime`.
        spares: how many started actors wait to replace a dead one, >= 0; for each kind of place that a plan names.

    Raises:
        ConfigError: a setting out of range.
    """

    ray_address: str | None = None
    commit_copies: int = 1
    commit_every: int = 4
    spares: int = 1

    name = "ray"
    places_peers = True

    def __post_init__(self) -> None:
        address = self.ray_address
        checks.keep(
            self,
            ray_address=None if address is None else checks.text("ray_address", address),
            commit_copies=checks.whole_number("commit_copies", self.commit_copies, at_least=1, limit=_MOST),
            commit_every=checks.whole_number("commit_every", self.commit_every, at_least=1),
            spares=checks.whole_number("spares", self.spares, at_least=0, limit=_MOST),
        )

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Join or start Ray for the block, in which several runs then find it.

        Raises:
            ConfigError: see `start`.
        """
        try:
            from annex_actors.runtimes.ray.cluster import connected
        except ImportError as error:
            raise ConfigError(MISSING) from error
        with connected(self.ray_address):
            yield

    def start(self, program: Program) -> HostedJob:
        """Join or start Ray, start the actors, then the supervision tree.

        Raises:
            ConfigError: Ray is not installed, or no cluster answers at the address.
            RunFailedError: an actor does not start.
        """
        try:
            from annex_actors.runtimes.ray.pool import RayPool
        except ImportError as error:
            raise ConfigError(MISSING) from error
        pool = RayPool(
            program, self.ray_address, copies=self.commit_copies, commit_every=self.commit_every, spares=self.spares
        )
        beside, host = ThreadHost(program.faults), WorkerOrThreadHost(pool, program)
        hosted = replace(program, store=pool.store)
        return SupervisedJob(hosted, lambda spec: beside if spec is program.driver else host, pool)
