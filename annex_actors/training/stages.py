"""The setting `stages`: which layers share an actor, checked, in one form whatever it was given as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.layers import NUMPY, Kernels
from annex_actors.placement import Plan, PlannedStage
from annex_actors.placement.places import Places
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import ProcessesRuntime, Runtime
from annex_actors.runtimes.program import places_peers
from annex_actors.schedules.discipline import Discipline
from annex_actors.training.assembly import check_replicas

PER_LAYER = "layer"
"""The placement with an actor for each layer."""

AUTO = "auto"
"""The plan that is fastest here and now; `annex_actors.training.automatic` finds it when a training begins."""

Stages: TypeAlias = str | int | Plan
"""`PER_LAYER`, `AUTO`, how many actors share the layers by their work, or a plan; as a setting also a plan's text."""

_WANTED = f'"{PER_LAYER}", "{AUTO}", an integer >= 1, or the layers of each stage, as "3,2,2"'
_DIGITS = 18
"""The most digits of a number; more are a mistake."""


def checked_stages(stages: Stages, layers: Sequence[str]) -> Stages:
    """Return the setting in its one form: `PER_LAYER`, `AUTO`, an integer, or a plan that says more than that.

    Args:
        stages: the setting. A text of digits alone is a number of actors, as on the command line.
        layers: the text of each layer of the network.

    Raises:
        ConfigError: something else, or a plan that does not place each layer once.
    """
    if isinstance(stages, Plan):
        stages.check(layers)
        return _normal(stages)
    if isinstance(stages, str):
        text = stages.strip()
        if text in (PER_LAYER, AUTO):
            return text
        if not text[:1].isdecimal() or not text.isascii():
            raise ConfigError(f"expected `stages` to be {_WANTED}, got {shown(stages)}")
        if not text.isdecimal():
            return _normal(Plan.parse(text, layers))
        stages = int(text) if len(text) <= _DIGITS else 10**_DIGITS
    return _checked_number(stages, len(layers))


def stages_setting(stages: Stages) -> str | int:
    """Return a checked setting as a config file or the file of a learner holds it."""
    return str(stages) if isinstance(stages, Plan) else stages


def replicas_of(stages: Stages) -> tuple[int, ...]:
    """Return how many replicas each stage has; empty where each has one."""
    counts = tuple(stage.replicas for stage in stages.stages) if isinstance(stages, Plan) else ()
    return counts if max(counts, default=1) > 1 else ()


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a plan asks of the host of each stage.

    Args:
        blas_threads: on how many threads the BLAS library computes each product in the supervising process.
        own_threads: likewise in the processes of their own of those stages that have another number.
        workers: the kind of worker on which a stage begins, of those whose plan says so.
        places: what each needs of the node of a cluster that it lives on.
    """

    blas_threads: int = 1
    own_threads: Mapping[Address, int] = field(default_factory=dict)
    workers: Mapping[Address, WorkerKind] = field(default_factory=dict)
    places: Places = field(default_factory=Places)


def threads_of(stages: Stages, count: int) -> tuple[int, ...]:
    """Return on how many threads the BLAS library computes each product, for each of ``count`` stages."""
    return tuple(stage.blas_threads for stage in stages.stages) if isinstance(stages, Plan) else count * (1,)


def hosting_of(stages: Stages) -> Hosting:
    """Return what a plan asks of hosts."""
    if not isinstance(stages, Plan):
        return Hosting()
    copies = {
        stage_address(index, replica): stage
        for index, stage in enumerate(stages.stages)
        for replica in range(stage.replicas)
    }
    here = _numbers_here(stages)
    threads = here.pop() if len(here) == 1 else 1
    return Hosting(
        threads,
        {address: stage.blas_threads for address, stage in copies.items() if stage.blas_threads != threads},
        {address: WorkerKind(stage.worker) for address, stage in copies.items() if stage.worker is not None},
        Places.of(stages),
    )


def anywhere(stages: Stages) -> Stages:
    """Return a checked setting without kinds of workers and nodes, which not every runtime has."""
    if not isinstance(stages, Plan):
        return stages
    return _normal(Plan(tuple(replace(stage, worker=None, node=None, labels={}) for stage in stages.stages)))


def check_possible(stages: Stages, kernels: Kernels, schedule: Discipline, runtime: Runtime) -> None:
    """Refuse a plan that asks for what the runtime does not carry out.

    A node or labels say where a stage must live, which one machine cannot keep to: to ignore them would be to train
    elsewhere than was asked. What is reserved there (CPUs, GPUs, other resources), the strategy and the wait are
    ignored on one machine, where all stages share what there is, so that the same plan serves to try a network out.

    Raises:
        ConfigError: a kind of worker where all are alike; a node or labels on a runtime of one machine; replicas by a
            schedule whose steps overlap; unequal numbers of BLAS threads in a process; or several with other kernels
            than NumPy's, which compute each product on one.
    """
    if not isinstance(stages, Plan):
        return
    has_both = runtime.name == ProcessesRuntime.name
    for index, stage in enumerate(stages.stages):
        if stage.worker is not None and not has_both:
            raise ConfigError(
                f"expected `worker` of stage {index} to be left out on runtime {runtime.name}, which has one kind of "
                f"worker, got {stage.worker}; leave it out, or choose the runtime processes"
            )
        if (stage.node or stage.labels) and not places_peers(runtime):
            raise ConfigError(
                f"expected stage {index} without `node` and `labels` on the runtime {runtime.name}, which has one "
                f"machine, got {stage}; leave them out, or choose the runtime ray"
            )
    check_replicas(replicas_of(stages), schedule)
    numbers = {stage.blas_threads for stage in stages.stages}
    if numbers != {1} and kernels != NUMPY:
        cure = "leave it out, or choose the kernels numpy"
        raise ConfigError(f"expected `blas_threads` to be 1 with kernels {kernels.name!r}, got {max(numbers)}; {cure}")
    here = _numbers_here(stages) if has_both else numbers
    if len(here) > 1:
        got = f"{min(here)} and {max(here)}"
        cure = "choose one, or give them processes" if has_both else "choose one, or the runtime processes"
        raise ConfigError(
            f"expected `blas_threads` to be the same for all stages that share a process, got {got}; {cure}"
        )


def _numbers_here(stages: Plan) -> set[int]:
    """Return the numbers of BLAS threads that the supervising process has to have on `processes`."""
    numbers = {stage.blas_threads for stage in stages.stages}
    threads = {stage.blas_threads for stage in stages.stages if stage.worker == WorkerKind.THREAD}
    return threads or (numbers if len(numbers) == 1 else set())


def _normal(plan: Plan) -> Stages:
    return 1 if plan == Plan((PlannedStage(plan.layers),)) else plan


def _checked_number(stages: int, layers: int) -> int:
    number = checks.whole_number("stages", stages, at_least=1)
    if number > layers + 1:
        actors = f"an actor for each of {counted(layers, 'layer')} and one for the cost"
        raise ConfigError(f"expected `stages` to be at most {layers + 1}, {actors}, got {number}; ask for fewer")
    return number
