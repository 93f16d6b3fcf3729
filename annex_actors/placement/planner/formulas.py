"""How long a step takes with each schedule: formulas that are built up stage by stage, from the last to the first.

What the stages from k on cost is a tuple of numbers. A stage before them makes new numbers of it, none of which falls
when an old one rises, and neither does the result. So of two ways to place the same layers on the same workers, one
that is nowhere worse can replace the other: the principle of optimality that the search rests on.

f and b are the seconds of F and B of a microbatch on a stage, t = f + b, c is a hop, q the microbatches of a replica (m
without replicas), K the most in flight. R(k) = t(k) + 2 c(k) + R(k+1) is the round trip of a microbatch from stage k.

| schedule | first F to last B, as stage k sees it | is |
|---|---|---|
| sequential | (m-1) R(0) + R(k) | exact |
| gpipe | X + R(k) + M(k); X = max (q-1) f, M(k) = max (q-1) b from stage k on | exact without replicas |
| synchronous | E(k), the longest of q t + idle; round trips of K; t + 2 c + E(k+1) | a lower bound |
| asynchronous | the longest of a step's work; m R / K; (m t or a round trip, W) / (lag + 1) | a lower bound |

Idle is how long a stage that has used up its credit must wait for its first gradient: max(0, R(k) - t(k) - (K-1) f).
No closed form of 1F1B and the zero-bubble schedules is exact for unequal stages: in which order the best few plans
really come is for the simulator (`annex_actors.experiments.simulation`) to say. After its last B, a stage does what is
left of W, then its update. A step takes until the last stage has done so (`Objective.TIME`). In the long run, a stage
begins the next step when it has done so (`Objective.THROUGHPUT`).

Sources:
    Huang et al. (2019), GPipe. Narayanan et al. (2019), PipeDream. Qi et al. (2023), Zero bubble pipeline parallelism.
    Zheng et al. (2022), Alpa, minimises the sum and the longest stage together too, by trying values of the latter.
"""

from __future__ import annotations

from numpy import maximum

from annex_actors.placement.planner.formula import Ahead, Formula, Number, Numbers, Room, Sums
from annex_actors.placement.planner.stages import Limits, StageCosts

_NO_LATER = 0.0, 0.0


class Sequential:
    """One microbatch at a time through the whole network. Numbers: the round trip, and the end of the last update.

    Args:
        microbatches: m.
        alone: whether a step is alone; else another follows.
    """

    nothing: Numbers = (0.0, 0.0)

    def __init__(self, microbatches: int, *, alone: bool) -> None:
        self._others = microbatches - 1
        self._alone = alone

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        trip, end = numbers
        trip = trip + stage.forward + stage.backward + 2 * stage.hop
        shift = stage.forward + stage.hop if self._alone else 0.0
        return trip, maximum(trip + stage.weight_gradient + stage.update, shift + end)

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes."""
        return self._others * numbers[0] + numbers[1]

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound with the stages before these."""
        trip, end = numbers
        trip = trip + ahead.forward + ahead.backward
        return self._others * trip + maximum(trip, end + ahead.forward if self._alone else end)

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers with an end that is not before that of the first stage."""
        trip, end = numbers
        return trip, maximum(end, trip + ahead.backward + (0.0 if self._alone else ahead.forward))

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage can do: its W, while the last gradient goes on to the stages before it."""
        return (Room(sums.step, limit - sums.microbatches * sums.trip, *_meanwhile(sums, self._alone)),)


class Flush:
    """All microbatches forward, then all back. Numbers: the round trip, X, M, and the end of the last update without X.

    Args:
        alone: whether a step is alone; else another follows.
    """

    nothing: Numbers = (0.0, 0.0, 0.0, 0.0)

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        trip, forwards, backwards, end = numbers
        f, b, others = stage.forward, stage.backward, stage.share - 1
        trip = trip + f + b + 2 * stage.hop
        backwards = maximum(backwards, others * b)
        own = trip + backwards + stage.weight_gradient + stage.update
        shift = f + stage.hop if self._alone else 0.0
        return trip, maximum(forwards, others * f), backwards, maximum(own, shift + end)

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes."""
        return numbers[1] + numbers[3]

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound with the stages before these."""
        trip, forwards, backwards, end = numbers
        trip = trip + ahead.forward + ahead.backward + maximum(backwards, ahead.backwards)
        return maximum(forwards, ahead.forwards) + maximum(trip, end + ahead.forward if self._alone else end)

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers with an end that is not before that of the first stage, and the X of the other stages."""
        trip, forwards, backwards, end = numbers
        least = trip + backwards + ahead.backward + (0.0 if self._alone else ahead.forward)
        return trip, maximum(forwards, ahead.forwards), backwards, maximum(end, least)

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage can do: X and M are at least as long as if all stages had the same part of F and B."""
        most, later = limit - sums.trip, _meanwhile(sums, self._alone)
        forward, backward = sums.others * sums.forward, sums.others * sums.backward
        return (
            Room(forward + backward + sums.step, most, *later),
            Room(backward + sums.step, most - float(forward[-1]) / sums.together, *later),
            Room(forward, most - float(backward[-1]) / sums.together, *_NO_LATER),
        )


class Synchronous:
    """One forward, one backward. Numbers: the round trip, first F to last B, and the end of the last update.

    Args:
        alone: whether a step is alone; else another follows.
    """

    nothing: Numbers = (0.0, 0.0, 0.0)

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        away, span, end = numbers
        f, b, hops = stage.forward, stage.backward, 2 * stage.hop
        away = away + hops
        trip, credit = f + b + away, min(limits.in_flight, stage.share)
        idle = maximum(0.0, away - (credit - 1) * f)
        trips, rest = divmod(stage.share - 1, credit)
        work = stage.share * (f + b) + idle
        span = maximum(maximum(work, (trips + 1) * trip + rest * maximum(f, b)), f + b + hops + span)
        own = maximum(span + stage.last_weight_gradient, work + stage.weight_gradient) + stage.update
        shift = f + stage.hop if self._alone else 0.0
        return trip, span, maximum(own, shift + end)

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes."""
        return numbers[2]

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound: a stage waits for its first gradient, or works, so that E >= R + (q-1) b."""
        trip, span, end = numbers
        whole = ahead.forward + ahead.backward
        least = maximum(maximum(trip + ahead.backwards, span) + whole, ahead.busy)
        return maximum(least, end + ahead.forward if self._alone else end)

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers with an end that is not before that of the first stage."""
        trip, span, end = numbers
        return trip, span, maximum(end, span + ahead.backward + (0.0 if self._alone else ahead.forward))

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage can do: E >= R + (q-1) b, and W while the last gradient goes on to the stages before."""
        most, backward = limit - sums.trip, sums.others * sums.backward
        return Room(backward + sums.step, most, *_meanwhile(sums, self._alone)), Room(backward, most, *_NO_LATER)


class Asynchronous:
    """Steps overlap: in the long run, one takes the period of the slowest stage. Numbers: the round trip, the period.

    Args:
        microbatches: m.
    """

    nothing: Numbers = (0.0, 0.0)

    def __init__(self, microbatches: int) -> None:
        self._microbatches = microbatches

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        trip, period = numbers
        m, f, b = self._microbatches, stage.forward, stage.backward
        trip = trip + f + b + 2 * stage.hop
        update = stage.weight_gradient + stage.update
        span = maximum(m * (f + b), trip + (m - 1) * maximum(f, b))
        version = (span + stage.last_weight_gradient + stage.update) / (limits.lag + 1)
        own = maximum(maximum(m * (f + b) + update, m * trip / limits.in_flight), version)
        return trip, maximum(period, own)

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes."""
        return numbers[1]

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound with the stages before these."""
        return maximum(numbers[1], ahead.busy)

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers with a period in which the other stages can work."""
        trip, period = numbers
        return trip, maximum(period, ahead.busy)

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage can do: the work of a step."""
        return (Room(sums.microbatches * (sums.forward + sums.backward) + sums.step, limit, *_NO_LATER),)


class Peak:
    """The memory of the worker that needs most, in bytes instead of seconds. Numbers: that memory."""

    nothing: Numbers = (0,)

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages need with one more before them."""
        return (maximum(numbers[0], stage.memory),)

    def seconds(self, numbers: Numbers) -> Number:
        """Return the bytes."""
        return numbers[0]

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound with the stages before these."""
        return numbers[0]

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers as they are."""
        return numbers

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return nothing: no time is short."""
        return ()


class OnCores:
    """Another formula on fewer cores than workers: a step takes at least all its work, divided by the cores.

    Numbers: the work, then those of the other formula. It is the simplest bound that is true: it lets every stage that
    could work use any core that is free, and counts nothing for the change of threads but the fixed cost of a piece.

    Args:
        formula: with a core for each worker.
        cores: how many there are.
    """

    def __init__(self, formula: Formula, cores: int) -> None:
        self._formula = formula
        self._cores = cores
        self.nothing: Numbers = (0.0, *formula.nothing)

    def before(self, numbers: Numbers, stage: StageCosts, limits: Limits) -> Numbers:
        """Return what the stages cost with one more before them."""
        return (numbers[0] + stage.work, *self._formula.before(numbers[1:], stage, limits))

    def seconds(self, numbers: Numbers) -> Number:
        """Return how long a step takes."""
        return maximum(numbers[0] / self._cores, self._formula.seconds(numbers[1:]))

    def least(self, numbers: Numbers, ahead: Ahead) -> Number:
        """Return a lower bound with the stages before these."""
        return maximum((numbers[0] + ahead.total) / self._cores, self._formula.least(numbers[1:], ahead))

    def settled(self, numbers: Numbers, ahead: Ahead) -> Numbers:
        """Return the numbers, those of the other formula settled."""
        return (numbers[0], *self._formula.settled(numbers[1:], ahead))

    def rooms(self, limit: float, sums: Sums) -> tuple[Room, ...]:
        """Return what a stage can do."""
        return self._formula.rooms(limit, sums)


def _meanwhile(sums: Sums, alone: bool) -> tuple[Number, float]:
    """Return how much later than the first stage another one may end, by its first layer and by its number.

    For a step alone, that is B of the stages before it, with their hops. In the long run, it begins later too.
    """
    return (sums.backward, sums.pause) if alone else (sums.forward + sums.backward, 2 * sums.pause)
