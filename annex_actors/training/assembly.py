"""Assemble the stages of a program: which layers make a stage, and what each stage is given."""

from __future__ import annotations

from dataclasses import replace

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.costs import Cost
from annex_actors.layers import Network
from annex_actors.optimizers import Clipping, Optimizer
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.routing import Routing
from annex_actors.schedules.discipline import Discipline
from annex_actors.training.checkpoint import Checkpoint

_MOST_REPLICAS = 1000
"""Each is an actor, and tells all others of every microbatch."""


def one_stage_per_layer(layers: int) -> tuple[range, ...]:
    """Return the default placement: a stage for each layer, and one for the cost, which counts as the last layer."""
    return tuple(range(index, index + 1) for index in range(layers + 1))


def check_replicas(replicas: tuple[int, ...], discipline: Discipline) -> None:
    """Refuse replicas by a schedule whose steps overlap, since replicas finish a step together; and too many.

    Args:
        replicas: how many each stage has.
        discipline: the schedule.

    Raises:
        ConfigError: a stage has replicas, and the schedule is not synchronous; or it has more than a thousand.
    """
    most = max(replicas, default=1)
    if most > _MOST_REPLICAS:
        allowed = counted(_MOST_REPLICAS, "replica")
        raise ConfigError(f"expected a stage to be in at most {allowed}, got {most:,}; ask for fewer")
    if most > 1 and not discipline.is_synchronous(len(replicas)):
        raise ConfigError(
            f"expected a synchronous schedule for a stage in {counted(most, 'replica')}, got {discipline.name}; "
            "choose one such as 1f1b, or one replica for each stage"
        )


def stage_specs(
    network: Network,
    placement: tuple[range, ...],
    *,
    cost: Cost,
    optimizer: Optimizer,
    clipping: Clipping | None = None,
    discipline: Discipline,
    state: Checkpoint,
    seed: int,
    run: str,
    replicas: tuple[int, ...] = (),
) -> tuple[StageSpec, ...]:
    """Return a stage for each range of ``placement``, or its replicas, in order.

    Args:
        network: the layers.
        placement: the indices of each stage's layers; in order they cover all layers and the cost, the last one.
        cost: what the last stage computes.
        optimizer: updates the weights of every stage.
        clipping: how gradients are clipped; None: not at all.
        discipline: the schedule.
        state: the network at the step where the run begins.
        seed: the run's seed.
        run: the run's name.
        replicas: how many each stage has; empty: one each.

    Raises:
        ConfigError: a stage has replicas, and the schedule is not synchronous.
    """
    check_replicas(replicas, discipline)
    routing, first_learner = Routing(len(placement), replicas=replicas), network.first_learner

    def spec(stage: int, indices: range, replica: int) -> StageSpec:
        layers = network.layers[indices.start : indices.stop]
        is_last = stage == len(placement) - 1
        whole = StageSpec(
            stage=stage,
            first_layer=indices.start,
            layers=layers,
            cost=cost if is_last else None,
            optimizer=optimizer,
            discipline=discipline,
            initial=state.stage_state(indices.start, len(layers), with_costs=is_last),
            step=state.step,
            seed=seed,
            run=run,
            routing=routing,
            tuning=network.tuning[indices.start : indices.stop],
            first_learner=first_learner,
            clipping=clipping,
            replica=replica,
        )
        return replace(whole, initial=whole.division.of(whole.initial)) if whole.division else whole

    return tuple(
        spec(stage, indices, replica)
        for stage, indices in enumerate(placement)
        for replica in range(routing.count(stage))
    )
