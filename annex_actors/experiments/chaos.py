"""Does a training survive? It is repeated under blows, and what it comes to is compared with what it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.data import Dataset
from annex_actors.experiments.chaos_runtime import ChaosRuntime, Damage, Kind
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session

WITHOUT_LIMIT = 10**9
"""Restarts and attempts that are allowed: all this harm is meant, and no sign that a layer is broken."""

MOST_ROUNDS = 200
"""Trainings at most: one that ends before the first blow would be repeated for ever."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took until those who died were up again, in seconds.

    Args:
        count: how many.
        p50: the median.
        p99: the 99th percentile, by nearest rank.
        most: the longest.
    """

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Recovery | None:
        """Return the figures; None where nobody died."""
        if not seconds:
            return None
        ranked = sorted(seconds)
        return cls(len(ranked), _rank(ranked, 0.5), _rank(ranked, 0.99), ranked[-1])


@dataclass(frozen=True, slots=True)
class Round:
    """One training under blows.

    Args:
        damage: what it suffered.
        redone: for each stage the pieces of work that were done more often than without blows.
        identical: whether the three hashes are those of the undisturbed run.
        error: why it did not come to its end; None where it did.
    """

    damage: Damage
    redone: Mapping[Address, int]
    identical: bool
    error: str | None = None

    @property
    def survivors_redid(self) -> int:
        """The pieces of work that stages repeated which never died: there should be none."""
        return sum(count for address, count in self.redone.items() if address not in self.damage.hurt)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a training is worth under blows.

    Args:
        hashes: of the undisturbed run, by name.
        steps: of a run.
        pieces: the pieces of work of a run.
        rounds: the trainings.
    """

    hashes: Mapping[str, str]
    steps: int
    pieces: int
    rounds: tuple[Round, ...] = field(default_factory=tuple)

    @property
    def identical(self) -> bool:
        """Whether every round came to the same bits, and no survivor repeated work."""
        return all(each.identical and not each.survivors_redid for each in self.rounds)

    @property
    def blows(self) -> Counter[Kind]:
        """How often each kind befell a peer."""
        return Counter(blow.kind for each in self.rounds for blow in each.damage.blows)

    def recovery(self, kind: Kind | None = None) -> Recovery | None:
        """Return the recovery times of one kind, or of all."""
        found = [each.damage.recoveries for each in self.rounds]
        kinds = list(Kind) if kind is None else [kind]
        return Recovery.of([seconds for each in found for wanted in kinds for seconds in each.get(wanted, [])])

    @property
    def redone(self) -> int:
        """The pieces of work that were repeated, all rounds together."""
        return sum(sum(each.redone.values()) for each in self.rounds)

    @property
    def most_kept_bytes(self) -> int:
        """The most that any peer kept for others."""
        return max((size for each in self.rounds for size in each.damage.most_kept_bytes.values()), default=0)


def chaos(
    learner: Learner,
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int,
    blows: int = 50,
    pause_s: float = 0.1,
    seed: int = 0,
    kinds: Sequence[Kind] = tuple(Kind),
    on_round: Callable[[Round], None] = lambda round: None,
) -> Verdict:
    """Train undisturbed, then under blows until enough have fallen.

    Args:
        learner: how to train, and on which runtime.
        dataset: what to learn from.
        epochs: of each training.
        batch_size: of each training.
        blows: how many at least, >= 1.
        pause_s: mean seconds from one blow to the next, > 0.
        seed: of what befalls whom, and when.
        kinds: what may befall them.
        on_round: told of every training that has ended.

    Raises:
        UserError: settings or data that do not fit; a runtime that nothing can befall; or a training that is over
            before anything befalls it.
    """
    checks.whole_number("blows", blows, at_least=1)
    checks.real_number("pause_s", pause_s, above=0)
    spec = learner.spec
    inner = spec.runtime
    if inner.name == "inline":
        raise ConfigError("expected a runtime whose peers can be harmed, got inline; choose threads or processes")
    calm = ChaosRuntime(inner, seed, 0)
    undisturbed = _trained(replace(spec, runtime=calm), dataset, epochs, batch_size)
    verdict = Verdict(undisturbed.hashes, undisturbed.step, sum(calm.damage.worked.values()))
    patience = replace(spec.supervision, max_restarts=WITHOUT_LIMIT, max_attempts=WITHOUT_LIMIT)
    while (left := blows - verdict.blows.total()) > 0:
        if len(verdict.rounds) == MOST_ROUNDS:
            raise ConfigError(f"expected {blows} blows, got {blows - left} in {MOST_ROUNDS} trainings; train longer")
        wild = ChaosRuntime(inner, seed + len(verdict.rounds), left, pause_s, kinds)
        disturbed = replace(spec, runtime=wild, supervision=patience)
        round = _round(disturbed, wild.damage, calm.damage, verdict.hashes, dataset, epochs, batch_size)
        verdict = replace(verdict, rounds=(*verdict.rounds, round))
        on_round(round)
    return verdict


def _trained(spec: LearnerSpec, dataset: Dataset, epochs: int, batch_size: int) -> Checkpoint:
    training = PreparedTraining.of(spec, dataset, epochs=epochs, batch_size=batch_size)
    return Session(training).run().checkpoint


def _round(
    spec: LearnerSpec,
    damage: Damage,
    calm: Damage,
    expected: Mapping[str, str],
    dataset: Dataset,
    epochs: int,
    batch_size: int,
) -> Round:
    try:
        checkpoint = _trained(spec, dataset, epochs, batch_size)
    except Exception as error:  # noqa: BLE001 - that is what this is to find out
        return Round(damage, {}, identical=False, error=f"{type(error).__name__}: {error}")
    redone = {stage: damage.worked[stage] - calm.worked[stage] for stage in calm.worked if stage != TRAINER}
    return Round(damage, redone, identical=checkpoint.hashes == expected)


def _rank(ranked: Sequence[float], part: float) -> float:
    return ranked[max(0, ceil(part * len(ranked)) - 1)]
