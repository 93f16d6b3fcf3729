"""Pictures for a blackboard, one or two for each lesson: real traces of real stages, on a virtual clock.

So they are the same on each machine. A unit of work is a millisecond there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from annex_actors.experiments.simulation import simulate
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.tracing.sequence import picture_of
from annex_actors.tracing.trace import Trace
from annex_actors.tracing.tracer import trace

UNIT = LayerTimes(0.001, 0.001, 0.001)
STAGES, MICROBATCHES, STEPS = 4, 4, 3
UNEVEN = tuple(LayerTimes(n / 1000, n / 1000, n / 1000) for n in (1, 1, 4, 1))


class Picture(NamedTuple):
    """A picture of the deck.

    Args:
        name: of its file, without the ending; it begins with the number of the lesson.
        title: what is to be seen.
        draw: makes it, as SVG.
    """

    name: str
    title: str
    draw: Callable[[], bytes]


def _traced(
    schedule: str,
    stages: int = STAGES,
    microbatches: int = MICROBATCHES,
    times: LayerTimes | tuple[LayerTimes, ...] = UNIT,
    deaths: tuple[tuple[float, int], ...] = (),
) -> Trace:
    """Return the trace of a simulation; ``deaths`` are times and stages."""
    costs = CostModel(kills=[(time, stage_address(stage)) for time, stage in deaths])
    with trace() as traced:
        simulate(schedule, stages=stages, microbatches=microbatches, steps=STEPS, times=times, costs=costs)
    return traced.trace


def _messages(stages: int, microbatches: int) -> bytes:
    return picture_of(_traced("gpipe", stages, microbatches), 1)  # in step 0 all ask each other where they are


def _chart(found: Trace, steps: int = 1) -> bytes:
    return found.gantt("svg", step=0, steps=steps)


def chart(schedule: str, stages: int, microbatches: int) -> str:
    """Return a step of a schedule as SVG.

    Raises:
        ConfigError: the schedule takes no such numbers, or matplotlib is not installed.
    """
    return _chart(_traced(schedule, stages, microbatches)).decode()


DECK = (
    Picture("01-one-layer", "one layer, and the trainer that feeds it", lambda: _messages(1, 1)),
    Picture("02-forward", "activations on their way through a chain of layers", lambda: _messages(3, 1)),
    Picture("03-backward", "each layer waits for its gradient", lambda: _chart(_traced("sequential", microbatches=1))),
    Picture("04-crash", "layer 1 dies, and is restarted", lambda: _chart(_traced("gpipe", deaths=((0.0065, 1),)))),
    Picture("05-outbox", "two die at once", lambda: _chart(_traced("1f1b", deaths=((0.0065, 1), (0.0065, 2))), STEPS)),
    Picture("06-bubble", "microbatches fill the pipeline", lambda: _chart(_traced("gpipe", microbatches=8))),
    Picture("07-gpipe", "gpipe: all forwards, then all backwards", lambda: _chart(_traced("gpipe"))),
    Picture("07-one-f-one-b", "1f1b: a backward as soon as there is one", lambda: _chart(_traced("1f1b"))),
    Picture("08-uneven", "the bottleneck decides", lambda: _chart(_traced("1f1b", times=UNEVEN))),
    Picture("09-stale", "pipedream: no bubble, older weights", lambda: _chart(_traced("pipedream"), STEPS)),
    Picture(
        "10-everything",
        "every layer dies once",
        lambda: _chart(_traced("1f1b", deaths=tuple((0.004 * (1 + stage), stage) for stage in range(STAGES))), STEPS),
    ),
)


def drawn() -> Iterator[tuple[Picture, bytes]]:
    """Yield each picture of the deck, and it as SVG.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    for picture in DECK:
        yield picture, picture.draw()
