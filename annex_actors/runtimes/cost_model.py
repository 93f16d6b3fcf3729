"""What a simulation takes as given: how long work and messages take, and which stages share a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.placement.planner.problem import Link
from annex_actors.protocol.messages import Address

Worker: TypeAlias = int
"""The number of a processor that does one piece of work at a time."""

_KILL = 'a time and a stage, such as (7.5, Address("stage", 2))'


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """How long a layer works, in any unit of time.

    Args:
        forward: for F of a microbatch.
        backward: for B of a microbatch, the input gradient.
        weight_gradient: for W of a microbatch. Where one product serves a whole step, it takes this time for each of
            its microbatches.
        update: for the optimizer, once a step.

    Raises:
        ConfigError: a time that is not a number >= 0.
    """

    forward: float = 1
    backward: float = 1
    weight_gradient: float = 1
    update: float = 0

    def __post_init__(self) -> None:
        for name in ("forward", "backward", "weight_gradient", "update"):
            _check_time(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class CostModel:
    """How long work and messages take, and on which worker; times are in any one unit.

    Args:
        layers: the times of each layer, the cost as the layer after the last; layers that are missing take no time.
        latency: of a message between two workers; alpha.
        per_byte: the additional time for each byte of a message's arrays; beta.
        message_bytes: the size that every message with arrays is taken to have; or one for each pair of neighbours,
            that of the first two stages first; None: its real size.
        links: of two workers whose messages take another time, by their numbers, the smaller one first.
        workers: the worker of each stage; None: each stage has its own. Between stages of one worker a message arrives
            at once.
        in_order: whether a worker does the work of a step strictly in the schedule's order, if it has one, and waits
            for the next piece of work in this order.
        slowness: for each worker, the factor by which all its work takes longer.
        kills: the times at which stages are killed. The work under way is lost.
        restart: how long after that the stage is up again; a worker of its own does nothing meanwhile.
        cores: how many pieces of work are done at once, whatever their workers are; the most urgent goes first. None:
            each worker has a core.
        piece: the time that each F, B and W takes beside its layers.
        trainer: the time that the trainer works for a step, when it has the step's cost.
        one_interpreter: whether all workers share a Python interpreter, so that only one at a time does what is not a
            layer's work: ``piece`` and ``trainer``.

    Raises:
        ConfigError: a field of another kind, or out of range.
    """

    layers: Sequence[LayerTimes] = ()
    latency: float = 0
    per_byte: float = 0
    message_bytes: int | Sequence[int] | None = None
    links: Mapping[tuple[Worker, Worker], Link] = field(default_factory=dict)
    workers: Sequence[Worker] | None = None
    in_order: bool = False
    slowness: Mapping[Worker, float] = field(default_factory=dict)
    kills: Sequence[tuple[float, Address]] = ()
    restart: float = 0
    cores: int | None = None
    piece: float = 0
    trainer: float = 0
    one_interpreter: bool = False

    def __post_init__(self) -> None:
        _check_time("latency", self.latency)
        _check_time("per_byte", self.per_byte)
        _check_time("piece", self.piece)
        _check_time("trainer", self.trainer)
        _check_time("restart", self.restart)
        for pair, link in checks.instance("links", self.links, Mapping, "a dict such as {(0, 1): Link(0.02)}").items():
            checks.instance(f"links[{pair}]", link, Link, "a link such as Link(latency=0.02)")
        if self.cores is not None:
            checks.whole_number("cores", self.cores, at_least=1)
        for worker, factor in checks.instance("slowness", self.slowness, Mapping, "a dict such as {1: 2.5}").items():
            checks.whole_number("slowness", worker, at_least=0)
            checks.real_number(f"slowness[{worker}]", factor, above=0)
        wanted = "a list of workers, such as [0, 0, 1]"
        workers = None if self.workers is None else checks.several("workers", self.workers, wanted)
        for worker in workers or ():
            checks.whole_number("workers", worker, at_least=0)
        checks.keep(
            self,
            layers=checks.elements("layers", self.layers, LayerTimes, "times such as LayerTimes(forward=2)"),
            workers=workers,
            message_bytes=_checked_bytes(self.message_bytes),
            one_interpreter=checks.boolean("one_interpreter", self.one_interpreter),
            in_order=checks.boolean("in_order", self.in_order),
            kills=tuple(map(_checked_kill, checks.several("kills", self.kills, f"a list, each element {_KILL}"))),
        )

    def size_between(self, one: int, other: int) -> int | None:
        """Return the size of a message between two neighbouring stages, or replicas of one; None: its real size."""
        sizes = self.message_bytes
        if isinstance(sizes, Sequence):
            return None if one == other else sizes[min(one, other)]
        return sizes


def travel(costs: CostModel, one: Worker, other: Worker, size: int) -> float:
    """Return how long a message travels between two workers, given the bytes of its arrays."""
    link = costs.links.get((min(one, other), max(one, other))) if costs.links else None
    if link is not None:
        return link.seconds(size)
    return costs.latency + (costs.per_byte * size if costs.per_byte else 0)


def _checked_bytes(sizes: Any) -> int | tuple[int, ...] | None:
    if sizes is None or isinstance(sizes, Integral):
        return None if sizes is None else checks.whole_number("message_bytes", sizes, at_least=0)
    several = checks.several("message_bytes", sizes, "a number of bytes, or one for each pair of neighbours")
    return tuple(checks.whole_number("message_bytes", each, at_least=0) for each in several)


def _checked_kill(kill: tuple[float, Address]) -> tuple[float, Address]:
    if not isinstance(kill, tuple) or len(kill) != 2:
        raise ConfigError(f"expected each of `kills` to be {_KILL}, got {shown(kill)}")
    _check_time("kills", kill[0])
    checks.instance("kills", kill[1], Address, 'of a stage, such as Address("stage", 2)')
    return kill


def _check_time(name: str, time: float) -> None:
    """Refuse what is no time; it is not converted, so that times that are fractions add up exactly."""
    checks.real_number(name, time, at_least=0)
