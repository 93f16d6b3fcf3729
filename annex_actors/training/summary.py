"""What a network is made of and who does the work: a row for each layer, and one for the cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from annex_actors.base import checks
from annex_actors.base.columns import table
from annex_actors.base.types import Shape
from annex_actors.base.words import counted
from annex_actors.data import microbatch_slices
from annex_actors.layers import Network
from annex_actors.placement import multiplications
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner_spec import LearnerSpec

_WIDTH = 100


@dataclass(frozen=True)
class LayerSummary:
    """A layer, or the cost.

    Args:
        layer: its index; the cost is the one after the last layer.
        name: its text, such as ``dense:128``.
        output_shape: of one sample; ``()`` of the cost.
        parameters: how many numbers it learns.
        work: multiplications in its forward pass of one sample.
        message: bytes of the message with its outputs of one microbatch, and what skips it; None: the next layer is in
            the same actor, or it is the cost.
        actor: the number of the actor that it lives in.
        replicas: how many replicas that actor has.
    """

    layer: int
    name: str
    output_shape: Shape
    parameters: int
    work: int
    message: int | None
    actor: int
    replicas: int = 1


@dataclass(frozen=True)
class Summary:
    """The layers of a network; its ``repr`` is a table.

    Args:
        rows: one for each layer, and one for the cost.
        samples: in the microbatch of which messages are counted.
        place: the runtime where the actors live.
        dtype: of the weights and messages.
    """

    rows: tuple[LayerSummary, ...]
    samples: int
    place: str
    dtype: str

    @property
    def parameters(self) -> int:
        """How many numbers all layers learn."""
        return sum(row.parameters for row in self.rows)

    @property
    def work(self) -> int:
        """Multiplications in the forward pass of one sample."""
        return sum(row.work for row in self.rows)

    @property
    def actors(self) -> int:
        """How many actors share the layers and the cost, all replicas counted."""
        return sum({row.actor: row.replicas for row in self.rows}.values())

    def lines(self, width: int = _WIDTH) -> list[str]:
        """Return the table and a line with the totals, for a terminal of that width."""
        headers = ["#", "layer", "output", "parameters", "work", "bytes", "actor", "place"]
        rows = [
            [
                row.layer,
                row.name,
                row.output_shape or "-",
                f"{row.parameters:,}",
                f"{row.work:,}",
                "-" if row.message is None else f"{row.message:,}",
                row.actor if row.replicas == 1 else f"{row.actor} x {row.replicas}",
                self.place,
            ]
            for row in self.rows
        ]
        parameters = counted(self.parameters, f"{self.dtype} parameter")
        work = f"{counted(self.work, 'multiplication')} a sample"
        messages = f"bytes of a message with {counted(self.samples, 'sample')}"
        return [*table(headers, rows, width), f"{parameters}, {work}, {counted(self.actors, 'actor')}, {messages}"]

    def __repr__(self) -> str:
        return "\n".join(self.lines())


def summary_of(spec: LearnerSpec, input_shape: Shape, *, batch_size: int) -> Summary:
    """Return the summary of a network; see `Learner.summary`.

    Raises:
        UserError: the layers do not fit the shape, or ``batch_size`` is out of range.
    """
    batch_size = checks.whole_number("batch_size", batch_size, at_least=1)
    initial = spec.initial(checks.sizes("input_shape", input_shape, "the shape of a sample, such as (784,)"))
    samples = max(part.stop - part.start for part in microbatch_slices(batch_size, spec.parts(batch_size)))
    actors = [actor for actor, indices in enumerate(spec.placement(initial)) for _ in indices]
    rows = _layers(spec.network, initial, actors, samples * spec.dtype.itemsize)
    cost = LayerSummary(len(rows), spec.cost.name, (), 0, 0, None, actors[-1])
    counts = spec.replicas or (1,) * spec.actors
    rows = [replace(row, replicas=counts[row.actor]) for row in (*rows, cost)]
    return Summary(tuple(rows), samples, spec.runtime.name, spec.dtype.name)


def _layers(network: Network, initial: Checkpoint, actors: list[int], bytes_a_number: int) -> list[LayerSummary]:
    stacks = network.stacks(initial.input_shape)
    rows = []
    for index, (layer, state, (before, after)) in enumerate(
        zip(network.layers, initial.layers, pairwise(stacks), strict=True)
    ):
        is_sent = actors[index] != actors[index + 1]
        rows.append(
            LayerSummary(
                layer=index,
                name=layer.spec(),
                output_shape=after[0],
                parameters=sum(array.size for array in state.parameters.values()),
                work=multiplications(layer, state.parameters, before[0]),
                message=bytes_a_number * sum(map(prod, after)) if is_sent else None,
                actor=actors[index],
            )
        )
    return rows
