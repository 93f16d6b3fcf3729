"""Does a training survive faults? Repeat it while faults are injected, and compare the results with the right ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.data import Dataset
from annex_actors.experiments.chaos_runtime import ChaosRuntime
from annex_actors.experiments.fault_log import ON_ONE_MACHINE, FaultKind, FaultLog
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes.program import Runtime
from annex_actors.runtimes.ray import MISSING, RayRuntime
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session

if TYPE_CHECKING:
    from annex_actors.runtimes.ray.local_cluster import LocalCluster

WITHOUT_LIMIT = 10**9
"""The restarts and attempts allowed: injected faults are no sign of a broken layer."""

MAX_ROUNDS = 200
"""Trainings with faults at most."""

MAX_IN_VAIN = 20
"""Trainings in a row that end before a fault strikes: such a training would be repeated for ever."""

_MOST_NODES = 20

PAUSE_S = 0.1
"""Mean seconds between two faults, by default; less where a training is short."""

FAULTS_A_TRAINING = 10
"""How many faults, on average, there is time for in a training as long as the undisturbed one."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long peers took to recover, in seconds.

    Args:
        count: the number of recoveries.
        p50: the median.
        p99: the 99th percentile, by nearest rank.
        longest: the maximum.
    """

    count: int
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Recovery | None:
        """Return the figures for these times; None where there are none."""
        if not seconds:
            return None
        ranked = sorted(seconds)
        return cls(len(ranked), _percentile(ranked, 0.5), _percentile(ranked, 0.99), ranked[-1])


@dataclass(frozen=True, slots=True)
class Round:
    """One training with faults.

    Args:
        log: the faults, and their consequences.
        redone: for each stage, the pieces of work that it did more often than in the undisturbed run.
        identical: whether the three hashes are those of the undisturbed run.
        error: why the training failed; None where it finished.
    """

    log: FaultLog
    redone: Mapping[Address, int]
    identical: bool
    error: str | None = None

    @property
    def redone_by_survivors(self) -> int:
        """Work repeated by stages that never died; must be 0."""
        return sum(count for address, count in self.redone.items() if address not in self.log.died)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a training survives.

    Args:
        hashes: of the undisturbed run, by name.
        steps: of one run.
        pieces: the pieces of work of one undisturbed run.
        rounds: the trainings with faults: those that were struck, and any that gave other bits.
    """

    hashes: Mapping[str, str]
    steps: int
    pieces: int
    rounds: tuple[Round, ...] = field(default_factory=tuple)

    @property
    def identical(self) -> bool:
        """Whether every round gave the same bits, and no survivor repeated work."""
        return all(each.identical and not each.redone_by_survivors for each in self.rounds)

    @property
    def faults(self) -> Counter[FaultKind]:
        """The number of faults of each kind."""
        return Counter(fault.kind for each in self.rounds for fault in each.log.faults)

    def recovery(self, kind: FaultKind | None = None) -> Recovery | None:
        """Return the recovery times from faults of one kind, or of all; None where no peer died of them."""
        logs = [each.log.recoveries for each in self.rounds]
        kinds = list(FaultKind) if kind is None else [kind]
        return Recovery.of([seconds for log in logs for wanted in kinds for seconds in log.get(wanted, [])])

    @property
    def redone(self) -> int:
        """The pieces of work that were repeated in all rounds."""
        return sum(sum(each.redone.values()) for each in self.rounds)

    @property
    def most_kept_bytes(self) -> int:
        """The most that any peer kept for its neighbours."""
        return max((size for each in self.rounds for size in each.log.most_kept_bytes.values()), default=0)


def chaos(
    learner: Learner,
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int,
    faults: int = 50,
    pause_s: float | None = None,
    seed: int = 0,
    kinds: Sequence[FaultKind | str] | None = None,
    nodes: int = 0,
    note: Callable[[str, str], None] = lambda what, so_far: None,
) -> Verdict:
    """Train undisturbed, then again and again with faults until enough have struck, and compare.

    A training that ends before a fault strikes says nothing, and does not count.

    Args:
        learner: how to train, and on which runtime.
        dataset: what to learn from.
        epochs: of each training.
        batch_size: of each training.
        faults: how many must strike at least, >= 1.
        pause_s: mean seconds between two faults, > 0. None: 0.1, or a tenth of the undisturbed training where that is
            less, so that several strike in each training.
        seed: of the faults: their kinds, peers and times.
        kinds: the kinds to choose from, at least one, or their names, such as ``kill``; None: all.
        nodes: on runtime ray, of how many nodes a cluster is started on this machine, >= 2, so that nodes are killed
            too, and others added; 0: none is, and no node is killed.
        note: called with what is running, and with how many faults there were so far; from any thread.

    Raises:
        UserError: settings or data that do not fit; a runtime that takes no faults; or trainings that end before a
            fault strikes, or before enough do.
    """
    checks.instance("learner", learner, Learner, "a learner such as Learner(dense(3))")
    checks.whole_number("faults", faults, at_least=1)
    checks.whole_number("seed", seed, at_least=0)
    checks.function("note", note, 2)
    chosen = _kinds(kinds, nodes)
    if pause_s is not None:
        checks.real_number("pause_s", pause_s, above=0)
    spec = learner.spec
    inner = spec.runtime
    if inner.name == "inline":
        raise ConfigError(
            "expected a runtime into which faults can be injected, got inline; choose threads or processes"
        )
    _check_nodes(nodes, inner)
    learner.check(dataset, epochs=epochs, batch_size=batch_size)
    with _on_cluster(inner, nodes, note) as (runtime, cluster):
        note("training undisturbed", "")
        without_faults = ChaosRuntime(runtime, seed, 0)
        undisturbed = _trained(replace(spec, runtime=without_faults), dataset, epochs, batch_size)
        worked, seconds = without_faults.log.worked, without_faults.log.seconds
        pause = min(PAUSE_S, seconds / FAULTS_A_TRAINING) if pause_s is None else pause_s
        verdict = Verdict(undisturbed.hashes, undisturbed.step, sum(worked.values()))
        supervision = replace(spec.supervision, max_restarts=WITHOUT_LIMIT, max_attempts=WITHOUT_LIMIT)
        trainings = in_vain = 0
        while (left := faults - verdict.faults.total()) > 0 and trainings < MAX_ROUNDS and in_vain < MAX_IN_VAIN:
            on_fault = _counting(note, faults - left, faults)
            on_fault(0)
            with_faults = ChaosRuntime(runtime, seed + trainings, left, pause, chosen, on_fault=on_fault, nodes=cluster)
            disturbed = replace(spec, runtime=with_faults, supervision=supervision)
            round = _round(disturbed, with_faults.log, worked, verdict.hashes, dataset, epochs, batch_size)
            trainings, in_vain = trainings + 1, 0 if round.log.faults else in_vain + 1
            if round.log.faults or not round.identical:
                verdict = replace(verdict, rounds=(*verdict.rounds, round))
        if left > 0 and verdict.identical:
            raise ConfigError(_too_short(faults, faults - left, trainings, seconds))
        return verdict


@contextmanager
def _on_cluster(
    inner: Runtime, nodes: int, note: Callable[[str, str], None]
) -> Iterator[tuple[Runtime, LocalCluster | None]]:
    """Start a cluster of so many nodes for the block, and yield the runtime on it; for 0 nodes the runtime as it is."""
    if not nodes:
        yield inner, None
        return
    try:
        from annex_actors.runtimes.ray.local_cluster import LocalCluster
    except ImportError as error:
        raise ConfigError(MISSING) from error
    assert isinstance(inner, RayRuntime)
    note("starting a cluster", counted(nodes, "node"))
    with LocalCluster(nodes) as cluster:
        # Nodes may die faster than new copies are made and new actors started, so each has one of both.
        spares = max(nodes, inner.spares)
        runtime = replace(inner, ray_address=cluster.address, commit_copies=nodes, spares=spares)
        with runtime.kept_up():
            yield runtime, cluster


def _check_nodes(nodes: int, inner: Runtime) -> None:
    checks.whole_number("nodes", nodes, at_least=0, limit=_MOST_NODES)
    if not nodes:
        return
    if not isinstance(inner, RayRuntime):
        raise ConfigError(f"expected runtime ray, which has nodes, got {inner.name}; leave out `nodes`")
    if inner.ray_address is not None:
        raise ConfigError(f"expected `nodes` without a cluster of yours, got ray_address {inner.ray_address}")
    if nodes == 1:
        raise ConfigError("expected `nodes` to be at least 2, since one of them is never killed, got 1")


def _kinds(given: Sequence[FaultKind | str] | None, nodes: int) -> list[FaultKind]:
    if given is None:
        return list(FaultKind if nodes else ON_ONE_MACHINE)
    kinds = [checks.member("kinds", each, FaultKind) for each in checks.several("kinds", given, "a list of kinds")]
    if not kinds:
        raise ConfigError("expected `kinds` to be a list of at least one kind, got none; leave it out for all")
    if FaultKind.NODE in kinds and not nodes:
        raise ConfigError("expected `nodes` beside the kind node, got none; give as many as the cluster is to have")
    return kinds


def _counting(note: Callable[[str, str], None], before: int, wanted: int) -> Callable[[int], None]:
    """Return a function that notes how many faults there were, given how many there were in this training."""
    return lambda count: note("training with faults", f"{before + count} of {counted(wanted, 'fault')}")


def _too_short(wanted: int, got: int, trainings: int, seconds: float) -> str:
    tried = f"{counted(trainings, 'training')} of {seconds:.2g} s"
    return (
        f"expected {counted(wanted, 'fault')} to strike, got {got} in {tried}; train longer, or make the pause shorter"
    )


def _trained(spec: LearnerSpec, dataset: Dataset, epochs: int, batch_size: int) -> Checkpoint:
    training = PreparedTraining.of(spec, dataset, epochs=epochs, batch_size=batch_size)
    return Session(training).run().checkpoint


def _round(
    spec: LearnerSpec,
    log: FaultLog,
    undisturbed: Mapping[Address, int],
    expected: Mapping[str, str],
    dataset: Dataset,
    epochs: int,
    batch_size: int,
) -> Round:
    try:
        checkpoint = _trained(spec, dataset, epochs, batch_size)
    except Exception as error:  # noqa: BLE001 - any failure is a finding
        return Round(log, {}, identical=False, error=f"{type(error).__name__}: {error}")
    redone = {stage: log.worked[stage] - undisturbed[stage] for stage in undisturbed if stage != TRAINER}
    return Round(log, redone, identical=checkpoint.hashes == expected)


def _percentile(ranked: Sequence[float], part: float) -> float:
    return ranked[max(0, ceil(part * len(ranked)) - 1)]
