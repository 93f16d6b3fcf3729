"""The trainer: it feeds steps, collects their costs, evaluates, and decides when to halt.

It is a peer like any stage: pure, hosted as an actor, and as replaceable. It commits after every report. What it sends
is a function of the step, since the order of samples is a function of seed and epoch. So a restarted trainer feeds
again from its last commit, and the stages drop what they have seen.

All steps of an epoch are complete before the next epoch is fed, so that the decision to halt never depends on timing.
With asynchronous schedules too, an evaluation uses the weights after the epoch at every stage: it evaluates what a
checkpoint of that step holds. The pipe drains for it, which costs some time but changes nothing, since versions are
pinned to steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from annex_actors.base.shown import brief
from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.data import Batches, Samples
from annex_actors.data.sources.stored import converted
from annex_actors.data.units import Units
from annex_actors.metrics import Metric
from annex_actors.peers.evaluation import evaluated
from annex_actors.peers.prediction_feed import PredictionFeed
from annex_actors.peers.step_feed import StepFeed, TrainingSamples
from annex_actors.peers.trainer_mailbox import TrainerMailbox
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.effects import Commit, Emit, Request
from annex_actors.protocol.events import EpochFinished, Evaluated, Finished, StepFinished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Await,
    Committed,
    Control,
    Halt,
    Message,
    Post,
    Predict,
    Report,
    Resume,
)
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.reading import Rows
from annex_actors.protocol.routing import READER, TRAINER, Routing
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class TrainerSpec:
    """A trainer as plain data.

    Args:
        run: the run's name.
        routing: the chain of stages.
        inputs: the samples to train on, ``(samples, *input_shape)``, of the network's dtype; those that stay in files
            are read by a `ReaderSpec`.
        targets: their targets, as the cost encodes them.
        sample_weight: what each of them counts, float64, shape ``(samples,)``; None: 1 each.
        test: the samples to evaluate after every epoch, with their targets as the user gave them; None: none.
        test_targets: the targets of ``test``, as the cost encodes them.
        classes: names of the classes; None for regression.
        cost: what is minimised.
        batches: which samples belong to which step.
        microbatches: m >= 1; a batch of fewer samples is cut into as many microbatches as it has samples.
        epochs: how many at most.
        halt: called after every epoch with all finished epochs; true ends the run.
        overlap: how many steps may be under way. One more is fed, which the first stage then finds when it commits.
        resumed: the state in which an earlier run ended; None: there was none.
        best: from the finished epochs to the index of the best one, whose commits the store is to keep; None: none are.
        is_validation: whether ``test`` is a validation set.
        evaluate_every: steps between two evaluations within the epochs, beside those at their ends; 0: none.
        metrics: of ``test``, by name; None: those that fit the task.
        seconds: how long the run has taken so far, by the clock of its owner; a peer has none. It is asked when an
            epoch ends, and its answer is committed with the epoch before anything acts on it.
        rate_factor: from the finished epochs to what the learning rate of the next steps is multiplied by; None: 1.
        units: of the amounts that metrics compare; None: they are as the network learns them.

    Raises:
        ConfigError: ``resumed`` has steps that its epochs cannot have.
    """

    run: str
    routing: Routing
    inputs: Floats
    targets: Array
    test: Samples | None
    test_targets: Array | None
    classes: tuple[str, ...] | None
    cost: Cost
    batches: Batches
    microbatches: int
    epochs: int
    halt: Callable[[tuple[EpochFinished, ...]], bool] | None = None
    overlap: int = 1
    resumed: TrainerState | None = None
    best: Callable[[tuple[EpochFinished, ...]], int | None] | None = None
    is_validation: bool = False
    evaluate_every: int = 0
    metrics: Mapping[str, Metric] | None = None
    seconds: Callable[[], float] = float
    sample_weight: Floats | None = None
    rate_factor: Callable[[tuple[EpochFinished, ...]], float] | None = None
    units: Units | None = None

    __repr__ = brief

    address = TRAINER
    label = str(TRAINER)

    def __post_init__(self) -> None:
        if self.resumed is not None:
            self.resumed.check(self.batches)

    def weight(self, step: int) -> float:
        """Return what the batch of a step counts in the cost of its epoch: its weights, or its samples without any."""
        if self.sample_weight is None:
            return self.batches.size(step)
        return float(self.sample_weight[self.batches.indices(step)].sum())

    @property
    def steps(self) -> int:
        """The number of steps in all epochs."""
        return self.epochs * self.batches.steps_per_epoch

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the trainer as a peer, at its last commit.

        It commits every step, whatever ``is_due`` says: it must not decide again what others have acted upon.
        """
        first = self.resumed or TrainerState()
        snapshot = snapshot or Snapshot(TRAINER, first.reported, first)
        state: TrainerState = snapshot.state
        state.check(self.batches)
        trainer = Trainer(self, state)
        return Node(
            TRAINER,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=trainer,
            mailbox=TrainerMailbox(state.reported, trainer.steps),
            snapshot=snapshot,
            instrument=instrument,
            waits_for=trainer.waits_for,
        )


class Trainer:
    """The behaviour of the trainer.

    Args:
        spec: the trainer as plain data.
        state: its last commit, or the state in which an earlier run ended.
    """

    def __init__(self, spec: TrainerSpec, state: TrainerState) -> None:
        self._spec = spec
        self._state = state
        samples, first, end = TrainingSamples(spec.inputs, spec.targets, spec.sample_weight), state.reported, spec.steps
        self.steps = StepFeed(
            spec.run, spec.routing, samples, spec.batches, spec.microbatches, spec.rate_factor, first=first, end=end
        )
        self._waiting_for: PredictionFeed | set[Address] | None = None
        """The outputs of an evaluation, or the stages whose last commit is missing; None: it feeds steps."""
        self._ending: EpochFinished | None = None
        """The epoch that ends once every stage has committed its last step, so that the store can keep it."""

    def start(self) -> list[Request]:
        """Continue from the last commit."""
        return self._go_on()

    def handle(self, message: Message) -> list[Request]:
        """Count a report, store outputs of the evaluation, or send on what was read."""
        if isinstance(message, Report):
            return self._report(message)
        return self._read(message) if isinstance(message, Rows) else self._outputs(message)

    def on_control(self, peer: Address, control: Control) -> list[Request]:
        """Halt, count a stage that has committed the last step, or send a restarted one again what it may have lost."""
        waiting_for = self._waiting_for
        match control:
            case Halt():
                self._state = replace(self._state, halt_at=self.steps.until)
                if isinstance(waiting_for, PredictionFeed) or self._ending is not None:
                    self._waiting_for = self._ending = None
                return [self._commit(), *self._go_on()]
            case Committed(step=step) if isinstance(waiting_for, set) and waiting_for and step >= self.steps.fed:
                waiting_for.discard(peer)
                return self._kept(waiting_for) if self._ending is not None else self._finish()
            case Resume() if peer == READER:
                evaluation = waiting_for.send_again() if isinstance(waiting_for, PredictionFeed) else []
                return [*self.steps.ask_again(), *evaluation]
            case Resume():
                if isinstance(waiting_for, PredictionFeed):
                    return list(waiting_for.send_again())
                return [self._await(peer)] if waiting_for else []
        return []

    def waits_for(self) -> str | None:
        """Return what has to come before it goes on; None when the run is over."""
        waiting_for = self._waiting_for
        if waiting_for is None:
            what = "cost" if self._state.reported < self.steps.fed else "inputs"
            return f"the {what} of step {self._state.reported}"
        if isinstance(waiting_for, PredictionFeed):
            return "the outputs of an evaluation"
        names = sorted(waiting_for)
        more = f" and {len(names) - 1} more" if names[1:] else ""
        return f"the last commit of {names[0]}{more}" if names else None

    @property
    def _epoch_end(self) -> int:
        return (len(self._state.history) + 1) * self._spec.batches.steps_per_epoch

    def _go_on(self) -> list[Request]:
        """Feed, evaluate or finish, as the state requires."""
        if self._waiting_for is not None:
            return []
        # Compared by order and not for equality: a resumed state may lie beyond the end of this run.
        state, halt_at = self._state, self._state.halt_at
        if len(state.history) >= self._spec.epochs or (halt_at is not None and state.reported >= halt_at):
            return self._finish()
        stop = self._stop
        return self._evaluate() if state.reported >= stop else self._feed(stop)

    @property
    def _stop(self) -> int:
        """The step up to which to feed before the next evaluation, within the epoch or at its end."""
        within = self._state.stop_after(self._spec.evaluate_every)
        return self._epoch_end if within is None else min(within, self._epoch_end)

    def _feed(self, stop: int) -> list[Request]:
        until = min(stop, self._state.reported + self._spec.overlap + 1)
        if self._state.halt_at is not None:
            until = min(until, self._state.halt_at)
        return list(self.steps.send(until, self._state.history))

    def _read(self, rows: Rows) -> list[Request]:
        """Feed steps whose inputs are here, or send an evaluation's inputs on."""
        if rows.microbatch != WHOLE_STEP:
            waiting_for = self._waiting_for
            return list(waiting_for.send(rows)) if isinstance(waiting_for, PredictionFeed) else []
        self.steps.put(rows)
        return self._go_on()

    def _report(self, report: Report) -> list[Request]:
        self._state = self._state.with_report(report.cost, self._spec.weight(report.step))
        event = StepFinished(report.step, len(self._state.history), report.cost, report.samples)
        return [Emit(event), self._commit(), *self._go_on()]

    def _evaluate(self) -> list[Request]:
        spec = self._spec
        if spec.test is None:
            return self._end_epoch(None, {})
        inputs = converted(spec.test.inputs, spec.inputs.dtype)
        self._waiting_for = evaluation = PredictionFeed(spec.run, spec.routing, inputs, self._state.reported)
        return list(evaluation.send_next())

    def _outputs(self, message: Message) -> list[Request]:
        evaluation, spec = self._waiting_for, self._spec
        if not isinstance(evaluation, PredictionFeed) or not isinstance(message, Predict):
            return []
        evaluation.receive(message)
        if not evaluation.done:
            return list(evaluation.send_next())
        self._waiting_for = None
        assert spec.test is not None
        assert spec.test_targets is not None
        outputs = evaluation.outputs()
        cost, metrics = evaluated(
            spec.cost,
            outputs,
            spec.test,
            spec.test_targets,
            spec.classes,
            penalty=evaluation.penalty,
            metrics=spec.metrics,
            units=spec.units,
        )
        is_end = self._state.reported >= self._epoch_end
        return self._end_epoch(cost, metrics) if is_end else self._end_evaluation(cost, metrics)

    def _end_evaluation(self, cost: float, metrics: Mapping[str, float]) -> list[Request]:
        evaluation = Evaluated(**self._judged(cost, metrics))
        self._state = replace(self._state, evaluations=(*self._state.evaluations, evaluation))
        return [Emit(evaluation), self._commit(), *self._go_on()]

    def _judged(self, cost: float | None, metrics: Mapping[str, float]) -> dict[str, Any]:
        is_validation = self._spec.is_validation
        costs = {"validation_cost": cost if is_validation else None, "test_cost": None if is_validation else cost}
        place = {"epoch": len(self._state.history), "steps": self._state.reported, "seconds": self._spec.seconds()}
        return {**place, **costs, "metrics": metrics}

    def _end_epoch(self, cost: float | None, metrics: Mapping[str, float]) -> list[Request]:
        """End the epoch; where it is the best so far, once every stage has committed its last step."""
        state, spec = self._state, self._spec
        epoch = EpochFinished(train_cost=state.cost_sum / state.weight, **self._judged(cost, metrics))
        if spec.best is None or spec.best((*state.history, epoch)) != epoch.epoch:
            return self._ended(epoch)
        self._ending = epoch
        return self._await_all()

    def _kept(self, missing: set[Address]) -> list[Request]:
        """End the best epoch where no commit of its last step is missing any more.

        A run that begins at this step has no commits of it; what it began with is the epoch's then.
        """
        if missing or self._ending is None:
            return []
        epoch, self._waiting_for, self._ending = self._ending, None, None
        begun = 0 if self._spec.resumed is None else self._spec.resumed.reported
        self._state = replace(self._state, keep=epoch.steps if epoch.steps > begun else None)
        return self._ended(epoch)

    def _ended(self, epoch: EpochFinished) -> list[Request]:
        history = (*self._state.history, epoch)
        is_met = self._spec.halt is not None and self._spec.halt(history)
        halt_at = epoch.steps if is_met else self._state.halt_at
        self._state = replace(self._state, cost_sum=0.0, weight=0, history=history, halt_at=halt_at)
        return [Emit(epoch), self._commit(), *self._go_on()]

    def _finish(self) -> list[Request]:
        """Wait until every stage has committed the last step; then emit that the run is over."""
        if self._waiting_for is None:
            return self._await_all()
        return [] if self._waiting_for else [Emit(Finished(self.steps.fed))]

    def _await_all(self) -> list[Request]:
        """Wait until every stage has committed every step that was fed."""
        stages = self._spec.routing.stage_addresses
        self._waiting_for = set(stages)
        return [self._await(peer) for peer in stages]

    def _await(self, peer: Address) -> Post:
        return Post(peer, Await(self._spec.run, self.steps.fed, WHOLE_STEP, WHOLE_STEP))

    def _commit(self) -> Commit:
        return Commit(Snapshot(TRAINER, self._state.reported, self._state, keep=self._state.keep))
