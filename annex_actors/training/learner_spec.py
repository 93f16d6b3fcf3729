"""A learner's settings, checked, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.costs import Cost
from annex_actors.layers import Kernels, Network
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage import StageSpec
from annex_actors.placement import network_work, partition
from annex_actors.runtimes import Runtime, Supervision
from annex_actors.schedules.discipline import Discipline
from annex_actors.training.assembly import one_stage_per_layer, stage_specs
from annex_actors.training.checkpoint import Checkpoint

PER_LAYER = "layer"
"""The placement with an actor for each layer."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnerSpec:
    """The settings of a `Learner`; its docstring explains them.

    `dataclasses.replace` makes a copy with another runtime or seed, which is checked again.

    Raises:
        ConfigError: a setting out of range.
    """

    network: Network
    cost: Cost
    optimizer: Optimizer
    microbatches: int
    schedule: Discipline
    runtime: Runtime
    stages: str | int
    kernels: Kernels
    seed: int
    supervision: Supervision
    load: tuple[str, ...]

    def __post_init__(self) -> None:
        checked = {
            "network": self.network.with_kernels(self.kernels),
            "microbatches": checks.whole_number("microbatches", self.microbatches, at_least=1),
            "stages": _checked_stages(self.stages, len(self.network.layers)),
            "seed": checks.whole_number("seed", self.seed, at_least=0, below=2**64),
        }
        for setting, value in checked.items():
            object.__setattr__(self, setting, value)

    @property
    def actors(self) -> int:
        """How many actors share the layers and the cost."""
        return len(self.network.layers) + 1 if isinstance(self.stages, str) else self.stages

    def placement(self, state: Checkpoint) -> tuple[range, ...]:
        """Return the indices of each actor's layers, given the network's state; the cost counts as the last layer."""
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
            optimizer=self.optimizer,
            discipline=self.schedule,
            state=state,
            seed=self.seed,
            run=run,
        )


def _checked_stages(stages: str | int, layers: int) -> str | int:
    if isinstance(stages, str):
        if stages != PER_LAYER:
            raise ConfigError(f'expected `stages` to be "{PER_LAYER}" or an integer >= 1, got {stages!r}')
        return stages
    number = checks.whole_number("stages", stages, at_least=1)
    if number > layers + 1:
        raise ConfigError(
            f"expected `stages` to be at most {layers + 1}, an actor for each of {layers} layers and one for the cost, "
            f"got {number}; ask for fewer"
        )
    return number
