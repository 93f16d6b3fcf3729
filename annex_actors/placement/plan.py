"""A plan: which layers share an actor, and with what, as a value.

Its text counts the layers of each stage: ``3,2x2,2`` has three stages, the second in two replicas. What else a stage
has follows with its name: ``3:blas_threads=2,2x2,2:memory=64MB``. The same text is an argument of Python, an option of
the command line and a line of a config. The cost counts as the layer after the last. A text may leave it out: it then
joins the last stage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from annex_actors.placement.worker_kind import WorkerKind

USAGE = "LAYERS[xREPLICAS][:blas_threads=N][:worker=process][:memory=64MB]"
"""How the text of a stage is written."""

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
        memory: the most bytes that the stage may need; None: no limit.

    Raises:
        ConfigError: not a whole number, or out of range; or no kind of worker.
    """

    layers: int
    replicas: int = 1
    blas_threads: int = 1
    worker: WorkerKind | str | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        worker, memory = self.worker, self.memory
        checks.keep(
            self,
            layers=checks.whole_number("layers", self.layers, at_least=1),
            replicas=checks.whole_number("replicas", self.replicas, at_least=1),
            blas_threads=checks.whole_number("blas_threads", self.blas_threads, at_least=1),
            worker=None if worker is None else checks.member("worker", worker, WorkerKind),
            memory=None if memory is None else byte_count("memory", memory),
        )

    __repr__ = brief

    def __str__(self) -> str:
        """Return the text of the stage, such as ``2x2:blas_threads=2``."""
        words = [str(self.layers) if self.replicas == 1 else f"{self.layers}x{self.replicas}"]
        words += [] if self.blas_threads == 1 else [f"blas_threads={self.blas_threads}"]
        words += [] if self.worker is None else [f"worker={self.worker}"]
        words += [] if self.memory is None else [f"memory={bytes_text(self.memory)}"]
        return ":".join(words)


@dataclass(frozen=True, repr=False)
class Plan:
    """How the layers of a network are divided among stages.

    Args:
        stages: in the order of the layers; in all they have every layer and the cost, the layer after the last.

    Raises:
        ConfigError: not a sequence of stages, or none.
    """

    stages: tuple[PlannedStage, ...]

    def __post_init__(self) -> None:
        stages = checks.elements("stages", self.stages, PlannedStage, _STAGE)
        if not stages:
            raise ConfigError(f"expected `stages` to be at least one, {_STAGE}, got none")
        checks.keep(self, stages=stages)

    __repr__ = brief

    def __str__(self) -> str:
        """Return the text, such as ``3,2x2,2``; the cost is not counted where the last stage has layers too."""
        *others, last = self.stages
        return ",".join(map(str, [*others, replace(last, layers=max(last.layers - 1, 1))]))

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
            text: the stages, as `USAGE` says, with commas between them. If their layers add up to those of the network,
                the cost joins the last stage; if to one more, it is counted.
            layers: of the network: how many, or the text of each, for errors to name.

        Raises:
            ConfigError: a text of another form, or one that does not place each layer once.
        """
        texts = checks.text("stages", text).split(",")
        plan = cls(tuple(_stage(index, each) for index, each in enumerate(texts)))
        names = _names(layers)
        if plan.layers == len(names):
            *others, last = plan.stages
            return cls((*others, replace(last, layers=last.layers + 1)))
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


def _stage(index: int, text: str) -> PlannedStage:
    """Return the stage in a text such as ``2x2:blas_threads=2``."""
    usage = f"stage {index} as {USAGE}"
    call = parse_call(text.strip(), usage=usage)
    counts = _COUNTS.fullmatch(call.name)
    if counts is None or call.positional:
        raise ConfigError(f"expected {usage}, such as 3 or 2x2, got {shown(text)}")
    numbers: tuple[Any, ...] = tuple(int(each) for each in counts.groups() if each is not None)
    return Call(call.name, numbers, call.named).make(PlannedStage, usage=usage, text=text, place=f"stage {index}")
