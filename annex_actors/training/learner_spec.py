"""A learner's settings, checked, as a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief, shown
from annex_actors.base.types import DType, Shape
from annex_actors.costs import Cost
from annex_actors.costs import cost as cost_of
from annex_actors.layers import Kernels, Layer, Network, StackLayer, sequence
from annex_actors.layers import kernels as kernels_of
from annex_actors.optimizers import Clipping, Optimizer, averaged, scaled
from annex_actors.optimizers import clipping as clipping_of
from annex_actors.optimizers import optimizer as optimizer_of
from annex_actors.peers.stage import StageSpec
from annex_actors.placement import Plan, network_work, partition
from annex_actors.runtimes import Runtime, Supervision
from annex_actors.runtimes import runtime as runtime_of
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline as discipline_of
from annex_actors.training import class_weights
from annex_actors.training.assembly import one_stage_per_layer, stage_specs
from annex_actors.training.checkpoint import FLOAT32, Checkpoint
from annex_actors.training.class_weights import ClassWeight
from annex_actors.training.plateau import ReduceOnPlateau
from annex_actors.training.plateau import reduce_on_plateau as plateau_of
from annex_actors.training.stages import (
    Hosting,
    Stages,
    check_possible,
    checked_stages,
    hosting_of,
    replicas_of,
    threads_of,
)

_SUPERVISION = "a Supervision, such as Supervision(max_restarts=10)"


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnerSpec:
    """The settings of a `Learner`; its docstring explains them.

    Each setting is checked and converted here, a name to what it names, and a layer to a network.
    `dataclasses.replace` makes a copy with another runtime or seed, which is checked again.

    Raises:
        ConfigError: a setting of another kind or out of range, or an unknown name.
    """

    network: Network
    cost: Cost
    optimizer: Optimizer
    clipping: Clipping | None = None
    ema_momentum: float | None = None
    reduce_on_plateau: ReduceOnPlateau | None = None
    microbatches: int | None
    schedule: Discipline
    runtime: Runtime
    stages: Stages
    kernels: Kernels
    dtype: DType = FLOAT32
    seed: int
    supervision: Supervision
    load: tuple[str, ...]
    class_weight: ClassWeight | None = None

    def __post_init__(self) -> None:
        kernels, network, parts = kernels_of(self.kernels), _checked_network(self.network), self.microbatches
        checks.keep(
            self,
            network=network.with_kernels(kernels),
            cost=cost_of(self.cost),
            optimizer=optimizer_of(self.optimizer),
            clipping=clipping_of(self.clipping),
            ema_momentum=_checked_momentum(self.ema_momentum),
            reduce_on_plateau=plateau_of(self.reduce_on_plateau),
            microbatches=None if parts is None else checks.whole_number("microbatches", parts, at_least=1),
            schedule=discipline_of(self.schedule),
            runtime=runtime_of(self.runtime),
            stages=checked_stages(self.stages, [layer.spec() for layer in network.layers]),
            kernels=kernels,
            dtype=checks.floating("dtype", self.dtype),
            seed=checks.whole_number("seed", self.seed, at_least=0, below=2**64),
            class_weight=class_weights.checked(self.class_weight),
            supervision=checks.instance("supervision", self.supervision, Supervision, _SUPERVISION),
        )
        check_possible(self.stages, self.kernels, self.schedule, self.runtime)
        for factor in self._rate_factors():
            scaled(self.optimizer, factor)  # an optimizer without a learning rate is refused

    __repr__ = brief

    def as_arguments(self, default: LearnerSpec) -> str:
        """Return the arguments of the call that makes such a learner, without those that are as in ``default``."""
        names = [each.name for each in fields(self) if each.name != "network"]
        own = [name for name in names if getattr(self, name) != getattr(default, name)]
        return ", ".join([repr(self.network), *(f"{name}={_argument(getattr(self, name))}" for name in own)])

    def initial(self, input_shape: Shape) -> Checkpoint:
        """Return the network before its first step, given the shape of a sample."""
        return Checkpoint.initial(self.network, input_shape, self.stage_optimizer, self.seed, self.dtype)

    def parts(self, batch_size: int) -> int:
        """Return into how many microbatches a batch of this size is cut: as many as given, or the schedule's default.

        A default follows what was given: it is never more than the samples of a batch.
        """
        return self.microbatches if self.microbatches is not None else min(self.schedule.microbatches, batch_size)

    @property
    def stage_optimizer(self) -> Optimizer:
        """The optimizer as every stage has it: with the averages of the weights, if they are asked for."""
        return averaged(self.optimizer, self.ema_momentum)

    @property
    def actors(self) -> int:
        """How many stages share the layers and the cost, each an actor, or as many as it has replicas."""
        if isinstance(self.stages, Plan):
            return len(self.stages.stages)
        return len(self.network.layers) + 1 if isinstance(self.stages, str) else self.stages

    @property
    def replicas(self) -> tuple[int, ...]:
        """How many replicas each stage has; empty where each has one."""
        return replicas_of(self.stages)

    @property
    def hosting(self) -> Hosting:
        """What the plan asks of the host of each stage."""
        return hosting_of(self.stages)

    @property
    def blas_threads(self) -> tuple[int, ...]:
        """On how many threads the BLAS library computes each matrix product, for each stage."""
        return threads_of(self.stages, self.actors)

    def _rate_factors(self) -> Iterator[float]:
        """Yield factors by which the learning rate of a layer or a step will be multiplied."""
        yield from (tuning.learning_rate for tuning in self.network.tuning)
        if self.reduce_on_plateau is not None:
            yield self.reduce_on_plateau.factor

    def placement(self, state: Checkpoint) -> tuple[range, ...]:
        """Return the indices of each actor's layers, given the network's state; the cost counts as the last layer."""
        if isinstance(self.stages, Plan):
            return self.stages.ranges
        if isinstance(self.stages, str):
            return one_stage_per_layer(len(self.network.layers))
        parameters = [layer.parameters for layer in state.layers]
        return partition(network_work(self.network, state.input_shape, parameters), self.stages)

    def lags(self, state: Checkpoint) -> tuple[int, ...]:
        """Return by how many steps the weights lag that each layer meets, given the network's state."""
        placement = self.placement(state)
        lags = [(self.schedule.lag(stage, len(placement)), indices) for stage, indices in enumerate(placement)]
        return tuple(lag for lag, indices in lags for _ in indices)[: len(self.network.layers)]

    def stage_specs(self, state: Checkpoint, run: str) -> tuple[StageSpec, ...]:
        """Return the stages of a run.

        Args:
            state: the network at the step where the run begins.
            run: the run's name.
        """
        return stage_specs(
            self.network,
            self.placement(state),
            cost=self.cost,
            optimizer=self.stage_optimizer,
            clipping=self.clipping,
            discipline=self.schedule,
            state=state,
            seed=self.seed,
            run=run,
            replicas=self.replicas,
        )


def checked_spec(spec: LearnerSpec) -> LearnerSpec:
    """Return the settings of a learner; refuse anything else, as what a user gives to an experiment.

    Raises:
        ConfigError: something else.
    """
    return checks.instance("spec", spec, LearnerSpec, "the settings of a learner, such as learner.spec")


def _argument(value: object) -> str:
    if isinstance(value, Plan):
        return repr(str(value))
    return repr(value.name) if isinstance(value, Discipline | Kernels | np.dtype) else shown(value)


def _checked_network(network: object) -> Network:
    if isinstance(network, Network):
        return network
    if isinstance(network, Layer | StackLayer) and not isinstance(network, type):
        return sequence(network)
    cure = f"; write parse_layers({shown(network)})" if isinstance(network, str) else ""
    wanted = "a network or a layer, such as sequence(dense(8), dense(3))"
    raise ConfigError(f"expected `network` to be {wanted}, got {shown(network)}{cure}")


def _checked_momentum(momentum: float | None) -> float | None:
    return None if momentum is None else checks.real_number("ema_momentum", momentum, at_least=0, below=1)
