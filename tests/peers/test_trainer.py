"""The trainer: what it feeds and when, what it makes of reports, and when it ends the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from annex_actors.costs import cost
from annex_actors.data import Batches, microbatch_slices
from annex_actors.peers.trainer import TrainerSpec, TrainerState
from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import EpochFinished, Event, Finished, StepFinished
from annex_actors.protocol.messages import (
    OWNER,
    WHOLE_STEP,
    Address,
    Await,
    Committed,
    Envelope,
    Forward,
    Halt,
    Message,
    Predict,
    Report,
    Resume,
    Target,
)
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.protocol.snapshot import Snapshot
from tests.trainings import CLASSES, TEST_SAMPLES, Training, samples

_Message = TypeVar("_Message", bound=Message)

TRAINING = Training(microbatches=3, size=13, batch_size=5, epochs=2)
"""Three steps an epoch: of 5, 5 and 3 samples."""

STAGES = [stage_address(stage) for stage in range(5)]
LAST = STAGES[-1]


class Hosted:
    """A trainer, its effects, and the stages' messages to it."""

    def __init__(self, spec: TrainerSpec | None = None, snapshot: Snapshot | None = None, incarnation: int = 1) -> None:
        self.node = (spec or TRAINING.trainer_spec()).node(snapshot, incarnation)
        self.commits: list[Snapshot] = []
        self.events: list[Event] = []
        self.sent: list[tuple[Address, Message]] = []
        self._take(self.node.start())

    def tell(self, message: Message, sender: Address = LAST, incarnation: int = 1) -> None:
        self.node.receive(Envelope(sender, incarnation, 0, message))
        while (effects := self.node.work()) is not None:
            self._take(effects)

    def report(self, *steps: int, cost: float = 0.5) -> None:
        for step in steps:
            self.tell(Report("run", step, WHOLE_STEP, 5, cost, (5, 5, 3)[step % 3]))

    def answer(self) -> None:
        """Answer the last request for predictions."""
        asked = self.messages(Predict)[-1]
        outputs = np.zeros((len(asked.array), CLASSES), np.float32)
        self.tell(replace(asked, edge=5, array=outputs))

    def committed(self, step: int, *senders: Address) -> None:
        for sender in senders or STAGES:
            self.tell(Committed("run", step, WHOLE_STEP, WHOLE_STEP), sender)

    def messages(self, kind: type[_Message]) -> list[_Message]:
        return [message for _, message in self.sent if isinstance(message, kind)]

    @property
    def fed(self) -> list[int]:
        """The steps whose forwards were sent, in order."""
        return sorted({message.step for message in self.messages(Forward)})

    @property
    def state(self) -> TrainerState:
        """What was committed last."""
        state: TrainerState = self.commits[-1].state
        return state

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, envelope):
                    self.sent.append((to, envelope.message))
                case Commit(snapshot):
                    self.commits.append(snapshot)
                case Emit(event):
                    self.events.append(event)


HALT = Halt("run", 0, WHOLE_STEP, WHOLE_STEP)


def trained(hosted: Hosted) -> Hosted:
    """Report the current epoch."""
    first = hosted.state.reported if hosted.commits else 0
    hosted.report(*range(first, first + 3))
    return hosted


# Feeding


def test_it_feeds_a_few_steps_ahead() -> None:
    assert Hosted().fed == list(range(2))


def test_every_microbatch_goes_to_the_first_stage_and_its_target_to_the_last() -> None:
    sent = [(to, type(message), message.step, message.microbatch) for to, message in Hosted().sent if message.step == 0]
    data = [each for each in sent if each[1] is not Resume]
    expected = [(to, kind, 0, m) for m in range(3) for to, kind in ((LAST, Target), (STAGES[0], Forward))]
    assert data == expected


def test_it_feeds_the_samples_of_the_step_in_their_order() -> None:
    hosted, learned = Hosted(), samples(13, TRAINING.cost)
    for step in range(2):
        indices = Batches(13, 5, TRAINING.seed).indices(step)
        inputs = [message.array for message in hosted.messages(Forward) if message.step == step]
        targets = [message.array for message in hosted.messages(Target) if message.step == step]
        assert np.array_equal(np.concatenate(inputs), learned.inputs[indices])
        assert np.array_equal(np.concatenate(targets), learned.targets[indices])
        assert [len(each) for each in inputs] == [len(range(5)[rows]) for rows in microbatch_slices(5, 3)]


def test_every_forward_says_how_its_step_was_cut() -> None:
    hosted = Hosted()
    hosted.report(0)
    parts = {message.step: message.part for message in hosted.messages(Forward)}
    assert [(part.microbatches, part.samples) for part in parts.values()] == [(3, 5), (3, 5), (3, 3)]


def test_a_batch_with_fewer_samples_than_microbatches_is_cut_into_as_many_as_it_has() -> None:
    hosted = Hosted(replace(TRAINING, size=2).trainer_spec())
    assert {(message.part.microbatches, message.part.samples) for message in hosted.messages(Forward)} == {(2, 2)}


def test_what_is_fed_is_read_only() -> None:
    for message in (*Hosted().messages(Forward), *Hosted().messages(Target)):
        assert not message.array.flags.writeable


def test_a_report_lets_it_feed_the_next_step() -> None:
    hosted = Hosted()
    hosted.report(0)
    assert hosted.fed == [0, 1, 2]


def test_no_step_is_fed_before_the_epoch_before_it_is_reported_and_evaluated() -> None:
    hosted = Hosted()
    hosted.report(0, 1, 2)
    assert hosted.fed == [0, 1, 2]
    hosted.answer()
    assert hosted.fed == [0, 1, 2, 3, 4]


# Reports


def test_a_report_becomes_an_event_and_a_commit() -> None:
    hosted = Hosted()
    hosted.report(0, cost=0.25)
    assert hosted.events == [StepFinished(0, 0, 0.25, 5)]
    assert hosted.commits[-1].step == 1
    assert (hosted.state.reported, hosted.state.cost_sum, hosted.state.samples) == (1, 0.25 * 5, 5)


def test_reports_are_counted_in_the_order_of_steps() -> None:
    hosted = Hosted()
    hosted.report(1)
    assert hosted.events == []
    hosted.report(0)
    assert [event.step for event in hosted.events if isinstance(event, StepFinished)] == [0, 1]


def test_a_report_is_counted_once() -> None:
    hosted = Hosted()
    hosted.report(0, 0, 1, 0, 1)
    assert hosted.state.samples == 10
    assert len(hosted.events) == 2


def test_the_commit_comes_before_what_the_report_lets_it_feed() -> None:
    hosted = Hosted()
    hosted.node.receive(Envelope(LAST, 1, 0, Report("run", 0, WHOLE_STEP, 5, 0.5, 5)))
    effects = hosted.node.work() or []
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Commit) < kinds.index(Send)


# The end of an epoch


def test_an_epoch_ends_with_an_evaluation_at_the_weights_after_it() -> None:
    hosted = trained(Hosted())
    (asked,) = hosted.messages(Predict)
    assert (asked.step, asked.microbatch, len(asked.array)) == (3, 0, TEST_SAMPLES)
    assert np.array_equal(asked.array, samples(TEST_SAMPLES, TRAINING.cost, seed=1).inputs)


def test_the_cost_of_an_epoch_is_the_mean_over_its_samples() -> None:
    hosted = Hosted()
    for step, value in enumerate((1.0, 2.0, 4.0)):
        hosted.report(step, cost=value)
    hosted.answer()
    (epoch,) = hosted.state.history
    assert epoch.train_cost == pytest.approx((5 * 1 + 5 * 2 + 3 * 4) / 13)
    assert (epoch.epoch, epoch.steps) == (0, 3)


def test_the_test_cost_is_the_cost_of_the_outputs() -> None:
    hosted = trained(Hosted())
    hosted.answer()
    outputs = np.zeros((TEST_SAMPLES, CLASSES), np.float32)
    targets = samples(TEST_SAMPLES, TRAINING.cost, seed=1).targets
    expected, _ = cost(TRAINING.cost).evaluate(outputs, targets, TEST_SAMPLES)
    assert hosted.state.history[0].test_cost == expected
    assert hosted.state.history[0].metrics == {"accuracy": float(np.mean(targets == 0))}


def test_sums_begin_at_zero_in_every_epoch() -> None:
    hosted = trained(Hosted())
    hosted.answer()
    assert (hosted.state.reported, hosted.state.cost_sum, hosted.state.samples) == (3, 0.0, 0)


def test_an_epoch_that_has_ended_is_an_event() -> None:
    hosted = trained(Hosted())
    hosted.answer()
    assert [event for event in hosted.events if isinstance(event, EpochFinished)] == list(hosted.state.history)


def test_outputs_of_another_version_do_not_count() -> None:
    hosted = trained(Hosted())
    (asked,) = hosted.messages(Predict)
    hosted.tell(replace(asked, step=2, array=np.zeros((TEST_SAMPLES, CLASSES), np.float32)))
    assert hosted.state.history == ()


def test_without_a_test_set_an_epoch_ends_with_its_last_report() -> None:
    hosted = Hosted(replace(TRAINING.trainer_spec(), test=None, test_targets=None))
    trained(hosted)
    assert hosted.messages(Predict) == []
    assert hosted.state.history[0].test_cost is None
    assert hosted.state.history[0].metrics == {}
    assert hosted.fed == [0, 1, 2, 3, 4]


# The end of the run


def at_the_end(hosted: Hosted) -> Hosted:
    """Train and evaluate both epochs."""
    trained(hosted).answer()
    trained(hosted).answer()
    return hosted


def test_after_the_last_epoch_it_awaits_the_commit_of_every_stage() -> None:
    hosted = at_the_end(Hosted())
    assert [(to, message.step) for to, message in hosted.sent if isinstance(message, Await)] == [
        (stage, 6) for stage in STAGES
    ]
    assert not any(isinstance(event, Finished) for event in hosted.events)


def test_the_run_is_over_when_every_stage_has_committed_every_step() -> None:
    hosted = at_the_end(Hosted())
    hosted.committed(6, *STAGES[:-1])
    hosted.committed(5, LAST)
    assert not any(isinstance(event, Finished) for event in hosted.events)
    hosted.committed(6, LAST)
    assert hosted.events[-1] == Finished(6)


def test_what_a_stage_had_committed_before_it_was_awaited_does_not_count() -> None:
    hosted = Hosted()
    hosted.committed(6)
    at_the_end(hosted)
    assert not any(isinstance(event, Finished) for event in hosted.events)


def test_a_stage_that_is_restarted_at_the_end_is_asked_again() -> None:
    hosted = at_the_end(Hosted())
    hosted.committed(6, *STAGES[1:])
    before = len(hosted.messages(Await))
    hosted.tell(Resume("run", 5, WHOLE_STEP, WHOLE_STEP), STAGES[0], incarnation=2)
    assert len(hosted.messages(Await)) == before + 1
    assert hosted.sent[-1][0] == STAGES[0]


# Halting


def halting(condition: Callable[[tuple[EpochFinished, ...]], bool]) -> TrainerSpec:
    return TRAINING.trainer_spec(condition)


def test_the_condition_is_asked_after_every_epoch_with_all_that_are_finished() -> None:
    asked: list[tuple[EpochFinished, ...]] = []
    hosted = at_the_end(Hosted(halting(lambda history: bool(asked.append(history)))))  # type: ignore[func-returns-value]
    history = hosted.state.history
    assert asked == [history[:1], history]
    assert len(history) == 2


def test_a_condition_that_is_met_ends_the_run_after_its_epoch() -> None:
    hosted = trained(Hosted(halting(lambda history: history[-1].train_cost < 1)))
    hosted.answer()
    assert hosted.fed == [0, 1, 2]
    assert hosted.state.halt_at == 3
    assert {message.step for message in hosted.messages(Await)} == {3}
    hosted.committed(3)
    assert hosted.events[-1] == Finished(3)


def test_a_trainer_that_is_told_to_halt_finishes_what_it_fed() -> None:
    hosted = Hosted()
    hosted.tell(HALT, OWNER)
    assert hosted.state.halt_at == 2
    assert hosted.messages(Await) == []
    hosted.report(0, 1)
    assert hosted.fed == [0, 1]
    hosted.committed(2)
    assert hosted.events[-1] == Finished(2)


def test_a_trainer_that_is_told_to_halt_while_it_evaluates_ends_without_that_epoch() -> None:
    hosted = trained(Hosted())
    hosted.tell(HALT, OWNER)
    hosted.answer()
    assert hosted.state.history == ()
    hosted.committed(3)
    assert hosted.events[-1] == Finished(3)


def test_a_halt_outlives_the_trainer_that_received_it() -> None:
    halted = Hosted()
    halted.tell(HALT, OWNER)
    successor = Hosted(snapshot=halted.commits[-1], incarnation=2)
    assert successor.fed == [0, 1]
    successor.report(0, 1)
    assert successor.fed == [0, 1]
    successor.committed(2)
    assert successor.events[-1] == Finished(2)


def test_a_second_halt_changes_nothing() -> None:
    hosted = Hosted()
    hosted.tell(HALT, OWNER)
    hosted.report(0)
    hosted.tell(HALT, OWNER)
    assert hosted.state.halt_at == 2
    hosted.report(1)
    hosted.committed(2)
    assert hosted.events[-1] == Finished(2)


def test_a_halt_after_the_last_epoch_changes_nothing() -> None:
    hosted = at_the_end(Hosted())
    hosted.tell(HALT, OWNER)
    hosted.committed(6)
    assert hosted.events[-1] == Finished(6)
    assert len(hosted.state.history) == 2


# Restarts


def test_a_restarted_trainer_feeds_again_what_is_not_reported() -> None:
    first = Hosted()
    first.report(0)
    second = Hosted(snapshot=first.commits[-1], incarnation=2)
    assert second.fed == [0, 1, 2], "step 0 is in its outbox: no stage said that it has committed it"
    old = {(m.step, m.microbatch): m.array.tobytes() for m in first.messages(Forward)}
    assert all(m.array.tobytes() == old[m.step, m.microbatch] for m in second.messages(Forward))


def test_a_restarted_trainer_does_not_feed_again_what_the_stages_said_that_they_have_committed() -> None:
    first = Hosted()
    for stage in (STAGES[0], LAST):
        first.node.receive(Envelope(stage, 1, 1, Committed("run", 1, WHOLE_STEP, WHOLE_STEP)))
    first.report(0)
    assert Hosted(snapshot=first.commits[-1], incarnation=2).fed == [1, 2]


def test_a_restarted_trainer_evaluates_again_an_epoch_that_was_not_decided_upon() -> None:
    first = trained(Hosted())
    second = Hosted(snapshot=first.commits[-1], incarnation=2)
    assert second.fed == [0, 1, 2], "its outbox, and nothing of the next epoch"
    assert len(second.messages(Predict)) == 1
    second.answer()
    assert second.state.history[0].train_cost == 0.5


def test_a_trainer_that_is_restarted_at_the_end_ends_the_run() -> None:
    first = at_the_end(Hosted())
    second = Hosted(snapshot=first.commits[-1], incarnation=2)
    assert len(second.messages(Await)) == 5
    second.committed(6)
    assert second.events == [Finished(6)]


@pytest.mark.parametrize("stage", STAGES)
def test_predictions_are_sent_again_when_any_stage_is_restarted(stage: Address) -> None:
    hosted = trained(Hosted())
    hosted.tell(Resume("run", 3, WHOLE_STEP, WHOLE_STEP), stage, incarnation=2)
    assert [(message.step, message.microbatch) for message in hosted.messages(Predict)] == [(3, 0), (3, 0)]


def test_its_node_has_the_trainers_address() -> None:
    spec = TRAINING.trainer_spec()
    assert (spec.address, spec.label, spec.steps) == (TRAINER, "trainer", 6)
