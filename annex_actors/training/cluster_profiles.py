"""Measure the nodes of a cluster with the work of a network: what the planner is given of unequal nodes and links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.data import Dataset
from annex_actors.placement.cluster import Cluster, MeasuredLink, MeasuredNode
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import InlineRuntime
from annex_actors.stores import MemoryStore
from annex_actors.training.blocks import block, prepared_blocks
from annex_actors.training.learner_spec import LearnerSpec, checked_spec
from annex_actors.training.preparation import PreparedTraining

_STEPS = 8
"""Steps of a piece of work."""


@dataclass(frozen=True, slots=True)
class StepsOf:
    """A piece of work: some steps of a training, all layers in this process.

    Args:
        training: whose steps.
    """

    training: PreparedTraining

    def __call__(self) -> float:
        """Train, and return how long it took, in seconds."""
        store = MemoryStore([stage_address(0)], depth=self.training.trainer.overlap + 1)
        began = perf_counter()
        job = InlineRuntime().start(block(self.training, _STEPS, store))
        try:
            job.wait()
        finally:
            job.close()
        return perf_counter() - began


def check_installed() -> None:
    """Refuse a cluster that could not be measured.

    Raises:
        ConfigError: Ray is not installed.
    """
    try:
        from annex_actors.runtimes.ray.probes import probe  # noqa: F401 - so that the error names the extra
    except ImportError as error:
        raise ConfigError("expected Ray to measure a cluster, got none; pip install 'annex-actors[ray]'") from error


def profile_cluster(
    spec: LearnerSpec,
    dataset: Dataset,
    *,
    ray_address: str | None = None,
    batch_size: int = 32,
    seconds: float = 5.0,
) -> Cluster:
    """Return the nodes of a Ray cluster with their speeds, and a link between each two: `Cluster` says what they mean.

    Speeds are measured by steps of the network, in units of this process; links by messages between actors. A node has
    as many workers as processors that Ray may use, at least one.

    Args:
        spec: the learner's settings. No weights are changed, and the learner's runtime is not used.
        dataset: of whose training samples microbatches are made.
        ray_address: see `RayRuntime`.
        batch_size: samples in a step, >= 1.
        seconds: about how long to measure, > 0; longer where the nodes are many.

    Raises:
        UserError: settings or data that do not fit, Ray is not installed, or a node does not answer.
    """
    checked_spec(spec)
    checks.instance("dataset", dataset, Dataset, 'a data set, such as load("iris")')
    size = min(checks.whole_number("batch_size", batch_size, at_least=1), len(dataset.train))
    seconds = checks.real_number("seconds", seconds, above=0)
    parts = spec.parts(size)
    alone = replace(
        spec,
        stages=Plan((PlannedStage(len(spec.network.layers) + 1),)),
        microbatches=parts,
        runtime=InlineRuntime(),
    )
    work = StepsOf(prepared_blocks(alone, dataset, size // parts))
    check_installed()
    from annex_actors.runtimes.ray.probes import probe

    found = probe(ray_address, work, load=spec.load, seconds=seconds)
    nodes = [
        MeasuredNode(each.name, found.seconds / each.seconds, each.memory or None, max(1, each.cpus))
        for each in found.nodes
    ]
    links = [
        MeasuredLink(each.latency, round(1 / each.per_byte) if each.per_byte else None, each.between)
        for each in found.pairs
    ]
    return Cluster(nodes, links)
