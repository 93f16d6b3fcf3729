"""What a planner is given: numbers of layers, workers and messages, and what it may choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import combinations
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief
from annex_actors.base.words import counted
from annex_actors.placement.profile import BYTES, SECONDS, LayerProfile, Profile
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import SYNCHRONOUS
from annex_actors.schedules.table import discipline as discipline_named


class Objective(Enum):
    """What a plan is to make as small, or as large, as possible."""

    TIME = "time"
    """The seconds of one step alone, from its first F to its last update."""

    MEMORY = "memory"
    """The bytes of the worker that needs most; of several plans that need as few, the one with the shortest step."""

    THROUGHPUT = "throughput"
    """The steps a second in the long run, where stages work on the next step while others end the last one."""


@dataclass(frozen=True, slots=True)
class LayerCosts:
    """What one microbatch costs at a layer, on a worker of speed 1; the cost of a network counts as a layer.

    Args:
        forward: seconds of F.
        backward: seconds of B.
        weight_gradient: seconds of W; where one product serves a whole step, it takes as long for each microbatch.
        update: seconds of the optimizer, once a step.
        output_bytes: of the outputs, and of the gradient that comes back.
        parameter_bytes: of the parameters; the gradients of a step are as large.
        saved_bytes: of what F keeps for B.
        optimizer_bytes: of the optimizer's slots.
        factor_bytes: of what B keeps for W.
        divided_rows: of the array that replicas of a stage divide; 0: there is none.
        divided_bytes: of the optimizer's slots of that array.

    Raises:
        ConfigError: a number below 0.
    """

    forward: float = 0.0
    backward: float = 0.0
    weight_gradient: float = 0.0
    update: float = 0.0
    output_bytes: int = 0
    parameter_bytes: int = 0
    saved_bytes: int = 0
    optimizer_bytes: int = 0
    factor_bytes: int = 0
    divided_rows: int = 0
    divided_bytes: int = 0

    def __post_init__(self) -> None:
        checks.keep(
            self,
            **{name: checks.real_number(name, getattr(self, name), at_least=0) for name in SECONDS},
            **{name: checks.whole_number(name, getattr(self, name), at_least=0) for name in BYTES},
        )


@dataclass(frozen=True, slots=True, repr=False)
class Chain:
    """The layers of a network, for microbatches of one size.

    Args:
        layers: in order, the cost as the last one.
        input_bytes: of the network's inputs.

    Raises:
        ConfigError: no layers, or something else.
    """

    layers: tuple[LayerCosts, ...]
    input_bytes: int = 0

    __repr__ = brief

    def __post_init__(self) -> None:
        layers = checks.elements("layers", self.layers, LayerCosts, "the costs of a layer")
        if not layers:
            raise ConfigError("expected `layers` to be at least one, got none")
        checks.keep(self, layers=layers, input_bytes=checks.whole_number("input_bytes", self.input_bytes, at_least=0))


@dataclass(frozen=True, slots=True)
class Worker:
    """A place for one copy of a stage.

    Args:
        speed: how many times as fast as the layers' seconds it works.
        memory: the most bytes that the stage may need; None: no limit.
        node: the name of the node of a cluster that it is on; None: it is on this machine. It makes workers no less
            alike.

    Raises:
        ConfigError: a number out of range.
    """

    speed: float = 1.0
    memory: int | None = None
    node: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        checks.keep(self, speed=checks.real_number("speed", self.speed, above=0))
        checks.keep(self, node=None if self.node is None else checks.text("node", self.node))
        if self.memory is not None:
            checks.keep(self, memory=checks.whole_number("memory", self.memory, at_least=0))


@dataclass(frozen=True, slots=True)
class Link:
    """How long a message travels between two workers: ``latency + per_byte * bytes``; many may travel at once.

    Args:
        latency: seconds.
        per_byte: seconds for each byte.

    Raises:
        ConfigError: a number below 0.
    """

    latency: float = 0.0
    per_byte: float = 0.0

    def __post_init__(self) -> None:
        for name in ("latency", "per_byte"):
            checks.keep(self, **{name: checks.real_number(name, getattr(self, name), at_least=0)})

    def seconds(self, size: int) -> float:
        """Return how long a message of ``size`` bytes travels."""
        return self.latency + self.per_byte * size


@dataclass(frozen=True, slots=True, repr=False)
class Problem:
    """What to plan, and within which limits.

    Args:
        chains: by the number of microbatches of a step, the layers for microbatches of that size: the planner chooses
            one of them.
        workers: at most so many copies of stages; no worker has two.
        link: between any two workers, where there are no ``links``.
        links: between each two workers: a row for each worker, with a link for each, the same in both directions; that
            of a worker to itself says nothing. None: ``link`` is between all.
        piece: seconds of a worker's time that each F, B and W of a stage takes beside its layers.
        schedules: those it may choose, as names or disciplines. Each stage has a worker of its own, so that those
            which put several on one are refused.
        objective: what to improve.
        most_replicas: of one stage; only schedules whose steps do not overlap share a stage.
        cores: how many workers can work at once; None: all of them.

    Raises:
        ConfigError: a field of another kind, out of range, or none to choose from.
    """

    chains: Mapping[int, Chain]
    workers: Sequence[Worker] = (Worker(),)
    link: Link = field(default_factory=Link)
    piece: float = 0.0
    schedules: Sequence[str | Discipline] = SYNCHRONOUS
    objective: Objective | str = Objective.THROUGHPUT
    most_replicas: int = 1
    cores: int | None = None
    links: Sequence[Sequence[Link]] | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        cores = self.cores
        checks.keep(
            self,
            chains=_checked_chains(self.chains),
            workers=checks.elements("workers", self.workers, Worker, "a worker such as Worker(speed=0.5)"),
            link=checks.instance("link", self.link, Link, "a link such as Link(latency=0.001)"),
            piece=checks.real_number("piece", self.piece, at_least=0),
            schedules=tuple(map(_checked_row, checks.several("schedules", self.schedules, 'names, such as ["1f1b"]'))),
            objective=checks.member("objective", self.objective, Objective),
            most_replicas=checks.whole_number("most_replicas", self.most_replicas, at_least=1),
            cores=None if cores is None else checks.whole_number("cores", cores, at_least=1),
        )
        checks.keep(self, links=_checked_links(self.links, len(self.workers)))
        for name, given in (("workers", self.workers), ("schedules", self.schedules)):
            if not given:
                raise ConfigError(f"expected `{name}` to be at least one, got none")

    @classmethod
    def of(
        cls,
        profile: Profile,
        *,
        batch_size: int,
        microbatches: Sequence[int],
        runtime: str = "schedulers",
        **settings: Any,
    ) -> Problem:
        """Return the problem that a profile describes.

        Args:
            profile: what was measured.
            batch_size: samples of a step, >= 1.
            microbatches: into how many it may be cut, each at most ``batch_size``.
            runtime: whose hops there are between workers; one that the profile has.
            settings: the other arguments of a problem. Without ``link`` and ``piece``, they are the runtime's.

        Raises:
            ConfigError: a setting out of range, or a runtime whose hop was not measured.
        """
        checks.instance("profile", profile, Profile, "a profile, such as that of `annex-actors profile`")
        batch_size = checks.whole_number("batch_size", batch_size, at_least=1)
        numbers = checks.several("microbatches", microbatches, "a list of numbers, such as [1, 2, 4]")
        hop = profile.hop(runtime)
        link, piece = Link(hop.latency, hop.per_byte), profile.overhead(runtime)
        chains = {
            m: Chain(tuple(map(_layer_costs, profile.scaled(-(-batch_size // m)).layers)))
            for m in (checks.whole_number("microbatches", each, at_least=1, below=batch_size + 1) for each in numbers)
        }
        return cls(chains, **{"link": link, "piece": piece, **settings})

    @property
    def rows(self) -> tuple[Discipline, ...]:
        """The schedules to choose from, as rows of the table."""
        return tuple(map(discipline_named, self.schedules))

    @property
    def goal(self) -> Objective:
        """The objective, as a member of its enumeration."""
        return Objective(self.objective)

    @property
    def layers(self) -> int:
        """The number of layers, with the cost."""
        return len(next(iter(self.chains.values())).layers)


def _layer_costs(layer: LayerProfile) -> LayerCosts:
    return LayerCosts(
        layer.forward.median,
        layer.backward.median,
        layer.weight_gradient.median,
        layer.update.median,
        output_bytes=layer.output_bytes,
        parameter_bytes=layer.parameter_bytes,
        saved_bytes=layer.saved_bytes,
        optimizer_bytes=layer.optimizer_bytes,
        factor_bytes=layer.factor_bytes,
        divided_rows=layer.divided_rows,
        divided_bytes=layer.divided_bytes,
    )


def _checked_chains(chains: Mapping[int, Chain]) -> dict[int, Chain]:
    given = checks.instance("chains", chains, Mapping, "a dict of chains by microbatches").items()
    wanted = "a chain such as Chain([LayerCosts(1, 1, 1)])"
    checked = {
        checks.whole_number("microbatches", m, at_least=1): checks.instance(f"chains[{m}]", each, Chain, wanted)
        for m, each in given
    }
    if len({len(each.layers) for each in checked.values()}) != 1:
        raise ConfigError("expected `chains` to be at least one, all with as many layers, got others; correct them")
    return checked


def _checked_links(links: Sequence[Sequence[Link]] | None, workers: int) -> tuple[tuple[Link, ...], ...] | None:
    if links is None:
        return None
    wanted = f"a row for each of {counted(workers, 'worker')}, each with a link for each"
    rows = tuple(checks.elements("links", row, Link, wanted) for row in checks.several("links", links, wanted))
    if any(len(row) != workers for row in (rows, *rows)):
        raise ConfigError(f"expected `links` to be {wanted}, got rows of other lengths; correct them")
    for one, other in combinations(range(workers), 2):
        if rows[one][other] != rows[other][one]:
            raise ConfigError(
                f"expected `links` to be the same in both directions, got {rows[one][other]} from worker {one} to "
                f"{other} and {rows[other][one]} back; give the slower one for both"
            )
    return rows


def _checked_row(schedule: str | Discipline) -> Discipline:
    row, stages = discipline_named(schedule), 3
    if [row.worker(s, stages) for s in range(stages)] != list(range(stages)):
        raise ConfigError(
            f"expected `schedules` that give each stage a worker of its own, got {row.name}; leave it out, "
            "and look at it with `annex-actors simulate`"
        )
    return row
