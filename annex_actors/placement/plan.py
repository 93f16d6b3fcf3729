"""A plan: which layers share an actor, and with what, as a value.

Its text counts the layers of each stage: ``3,2x2,2`` has three stages, the second in two replicas. What else a stage
has follows with its name: ``3:blas_threads=2,2x2,2:memory=64MB``. The same text is an argument of Python, an option of
the command line and a line of a config. The cost counts as the layer after the last. A text may leave it out: it then
joins the last stage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, pairwise
from numbers import Integral
from typing import Any

from annex_actors.base import checks
from annex_actors.base.byte_counts import byte_count, bytes_text
from annex_actors.base.calls import Call, parse_call
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief, shown
from annex_actors.base.texts import shortened
from annex_actors.base.words import counted
from annex_actors.placement import needs
from annex_actors.placement.needs import Labels, Needs, NodeStrategy, Resources
from annex_actors.placement.worker_kind import WorkerKind

USAGE = "LAYERS[xREPLICAS][:blas_threads=N][:worker=process][:memory=64MB][:node=NAME][:labels=NAME=VALUE][:cpus=N]"
"""How the text of a stage is written; `needs` has the rest."""

_COUNTS = re.compile(r"(\d{1,9})(?:x(\d{1,9}))?", re.ASCII)
_STAGE = "a stage such as PlannedStage(3, blas_threads=2)"


@dataclass(frozen=True, repr=False)
class PlannedStage:
    """Neighbouring layers that share an actor, and what that actor has.

    Args:
        layers: how many, >= 1; the cost counts as the layer after the last.
        replicas: copies of the stage that share the microbatches of a step.
        blas_threads: on how many threads the BLAS library computes each matrix product of the stage; more than one
            decides bits.
        worker: on which kind of worker the stage begins, ``process`` or ``thread``, where the runtime has both; None:
            as the runtime does.
        memory: the most bytes that the stage may need; None: no limit. On a cluster, its node has so many free.
        node: of a cluster, on which it lives; a name, or one for each replica; None: any.
        labels: that its node has, such as ``{"zone": "east"}``; for all replicas, or for each.
        cpus: that it takes of those that are free on its node, as ``gpus`` and ``resources``; 0: none is reserved, so
            that more stages than cores may share a node.
        gpus: likewise.
        resources: other amounts by name, likewise.

    Raises:
        ConfigError: a number or a name of another kind, or out of range; or no kind of worker.
    """

    layers: int
    replicas: int = 1
    blas_threads: int = 1
    worker: WorkerKind | str | None = None
    memory: int | None = None
    node: str | Sequence[str] | None = None
    labels: Labels | Sequence[Labels] = field(default_factory=dict, hash=False)
    cpus: float = 0
    gpus: float = 0
    resources: Resources = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        worker, memory = self.worker, self.memory
        checks.keep(
            self,
            layers=checks.whole_number("layers", self.layers, at_least=1),
            replicas=checks.whole_number("replicas", self.replicas, at_least=1),
            blas_threads=checks.whole_number("blas_threads", self.blas_threads, at_least=1),
            worker=None if worker is None else checks.member("worker", worker, WorkerKind),
            memory=None if memory is None else byte_count("memory", memory),
            node=needs.checked_node(self.node, self.replicas),
            labels=needs.checked_labels(self.labels, self.replicas),
            cpus=checks.real_number("cpus", self.cpus, at_least=0),
            gpus=checks.real_number("gpus", self.gpus, at_least=0),
            resources=needs.checked_resources(self.resources),
        )

    __repr__ = brief

    def __str__(self) -> str:
        """Return the text of the stage, such as ``2x2:blas_threads=2``."""
        words = [str(self.layers) if self.replicas == 1 else f"{self.layers}x{self.replicas}"]
        words += [] if self.blas_threads == 1 else [f"blas_threads={self.blas_threads}"]
        words += [] if self.worker is None else [f"worker={self.worker}"]
        words += [] if self.memory is None else [f"memory={bytes_text(self.memory)}"]
        words += [f"node={needs.node_text(self.node)}"] if self.node else []  # type: ignore[arg-type]  # a tuple by now
        words += [f"labels={needs.pairs_text(self.labels)}"] if self.labels else []
        words += [f"{name}={needs.number(amount)}" for name, amount in self._amounts if amount]
        words += [f"resources={needs.pairs_text(self.resources)}"] if self.resources else []
        return ":".join(words)

    @property
    def _amounts(self) -> tuple[tuple[str, float], ...]:
        return ("cpus", self.cpus), ("gpus", self.gpus)


@dataclass(frozen=True, repr=False)
class Plan:
    """How the layers of a network are divided among stages.

    Args:
        stages: in the order of the layers; in all they have every layer and the cost, the layer after the last.
        strategy: on which nodes of a cluster they live; or its name, such as ``pack``.
        wait_seconds: how long the run waits for a node that has what an actor needs, before it gives up, >= 0.

    Raises:
        ConfigError: not a sequence of stages, or none; a strategy that the nodes of the stages rule out.
    """

    stages: tuple[PlannedStage, ...]
    strategy: NodeStrategy | str = NodeStrategy.SPREAD
    wait_seconds: float = 60.0

    def __post_init__(self) -> None:
        stages = checks.elements("stages", self.stages, PlannedStage, _STAGE)
        if not stages:
            raise ConfigError(f"expected `stages` to be at least one, {_STAGE}, got none")
        strategy = checks.member("strategy", self.strategy, NodeStrategy)
        wait = checks.real_number("wait_seconds", self.wait_seconds, at_least=0)
        checks.keep(self, stages=stages, strategy=strategy, wait_seconds=wait)
        _check_strategy(stages, strategy)

    __repr__ = brief

    def __str__(self) -> str:
        """Return the text, such as ``3,2x2,2``; the cost is not counted where the last stage has layers too."""
        *others, last = self.stages
        text = ",".join(map(str, [*others, replace(last, layers=max(last.layers - 1, 1))]))
        own = {"strategy": NodeStrategy(self.strategy).value, "wait_seconds": needs.number(self.wait_seconds)}
        usual = {"strategy": NodeStrategy.SPREAD.value, "wait_seconds": "60"}
        return text + "".join(f";{name}={value}" for name, value in own.items() if value != usual[name])

    @property
    def names_nodes(self) -> bool:
        """Whether it says on which nodes of a cluster its stages live."""
        return any(stage.node or stage.labels for stage in self.stages)

    @property
    def layers(self) -> int:
        """The number of layers in all, with the cost."""
        return sum(stage.layers for stage in self.stages)

    @property
    def ranges(self) -> tuple[range, ...]:
        """The indices of each stage's layers; the last index is the cost's."""
        ends = accumulate((stage.layers for stage in self.stages), initial=0)
        return tuple(range(start, stop) for start, stop in pairwise(ends))

    @classmethod
    def parse(cls, text: str, layers: int | Sequence[str]) -> Plan:
        """Return the plan in a text, such as ``3,2x2,2``; the inverse of ``str``.

        Args:
            text: the stages, as `USAGE` says, with commas between them; then ``;strategy=pack;wait_seconds=30``, or
                one of these. If their layers add up to those of the network, the cost joins the last stage; if to one
                more, it is counted.
            layers: of the network: how many, or the text of each, for errors to name.

        Raises:
            ConfigError: a text of another form, or one that does not place each layer once.
        """
        chain, *rest = checks.text("stages", text).split(";")
        stages = tuple(_stage(index, each) for index, each in enumerate(chain.split(",")))
        plan, names = _whole(cls, stages, rest, text), _names(layers)
        if plan.layers == len(names):
            *others, last = plan.stages
            return replace(plan, stages=(*others, replace(last, layers=last.layers + 1)))
        plan._expect(names, shown(text))
        return plan

    def check(self, layers: int | Sequence[str]) -> None:
        """Check that the plan places each layer of a network, and the cost.

        Args:
            layers: how many, or the text of each, for errors to name.

        Raises:
            ConfigError: a layer is left out, or there are more places than layers.
        """
        self._expect(_names(layers), f"a plan for {self.layers}, {self}")

    def _expect(self, names: Sequence[str], given: str) -> None:
        """Refuse a plan for another number of layers than ``names`` and the cost."""
        if self.layers == len(names) + 1:
            return
        wanted = f"expected `stages` to place {counted(len(names), 'layer')} and the cost, got {given}"
        if self.layers > len(names) + 1:
            more = self.layers - len(names) - 1
            raise ConfigError(f"{wanted}: {more} more than there are after {names[-1]} and the cost; take them away")
        if self.layers == len(names):
            raise ConfigError(f"{wanted}, which leaves out the cost; it counts as the layer after the last")
        rest = " and those after it" if self.layers < len(names) - 1 else ""
        raise ConfigError(f"{wanted}, which leaves out {names[self.layers]}{rest}; add to a stage, or add a stage")


def _names(layers: int | Sequence[str]) -> Sequence[str]:
    """Return what errors call each layer, such as ``layer 2 (relu)``."""
    if isinstance(layers, int | Integral):
        return [f"layer {index}" for index in range(checks.whole_number("layers", layers, at_least=1, limit=2**20))]
    texts = checks.elements("layers", layers, str, "the text of a layer")
    if not texts:
        raise ConfigError("expected `layers` to be at least one layer, got none")
    return [f"layer {index} ({shortened(text)})" for index, text in enumerate(texts)]


def _whole(kind: type[Plan], stages: tuple[PlannedStage, ...], words: Sequence[str], text: str) -> Plan:
    """Return a plan with what the words behind the stages say, such as ``strategy=pack``."""
    usage = "stages with ;strategy=NAME or ;wait_seconds=N behind them"
    settings = parse_call(":".join(["plan", *words]), usage=usage)
    return settings.make(partial(kind, stages), usage=usage, text=text, place="plan")


def _stage(index: int, text: str) -> PlannedStage:
    """Return the stage in a text such as ``2x2:blas_threads=2``."""
    usage = f"stage {index} as {USAGE}"
    try:
        words, own = needs.settings_in(text.strip().split(":"))
    except ConfigError as error:
        raise ConfigError(f"stage {index}, {shown(text)}: {error}") from None
    call = parse_call(":".join(words), usage=usage)
    counts = _COUNTS.fullmatch(call.name)
    if counts is None or call.positional:
        raise ConfigError(f"expected {usage}, such as 3 or 2x2, got {shown(text)}")
    numbers: tuple[Any, ...] = tuple(int(each) for each in counts.groups() if each is not None)
    named = {**call.named, **own}
    return Call(call.name, numbers, named).make(PlannedStage, usage=usage, text=text, place=f"stage {index}")


def needs_of(stage: PlannedStage) -> tuple[Needs, ...]:
    """Return what each replica of a stage needs of its node."""
    amounts = {"cpus": stage.cpus, "gpus": stage.gpus, "memory": float(stage.memory or 0), **stage.resources}
    taken = {name: amount for name, amount in amounts.items() if amount}
    return tuple(
        Needs(_of_replica(stage.node, each) or None, _of_replica(stage.labels, each), taken)
        for each in range(stage.replicas)
    )


def _of_replica(given: Any, replica: int) -> Any:
    return given[replica] if isinstance(given, tuple) else given


def _check_strategy(stages: Sequence[PlannedStage], strategy: NodeStrategy) -> None:
    """Refuse a strict strategy that the names of nodes rule out."""
    named = [(s, each.node) for s, stage in enumerate(stages) for each in needs_of(stage) if each.node is not None]
    first: dict[str, int] = {}
    for s, node in named:
        if strategy is NodeStrategy.STRICT_SPREAD and node in first:
            raise ConfigError(
                f"expected a node of its own for each actor with `strategy` strict_spread, got {node} for stage "
                f"{first[node]} and stage {s}; name another one, or choose spread"
            )
        if strategy is NodeStrategy.STRICT_PACK and first and node not in first:
            raise ConfigError(
                f"expected one node for all with `strategy` strict_pack, got {named[0][1]} for stage {named[0][0]} and "
                f"{node} for stage {s}; name one, or choose pack"
            )
        first.setdefault(node, s)
