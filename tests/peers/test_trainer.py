"""The trainer: what it feeds and when, and what it makes of reports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annex_actors.costs import cost
from annex_actors.data import Batches, microbatch_slices
from annex_actors.protocol.effects import Commit, Send
from annex_actors.protocol.events import EpochFinished, StepFinished
from annex_actors.protocol.messages import Envelope, Forward, Predict, Resume, Target
from annex_actors.protocol.routing import TRAINER
from tests.peers.trainers import LAST, STAGES, TRAINING, Hosted, trained
from tests.protocol.messages import report
from tests.trainings import CLASSES, TEST_SAMPLES, samples

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


def test_weights_go_with_their_targets_scaled_to_a_mean_of_1_in_each_batch() -> None:
    weights = np.arange(13.0)
    hosted = Hosted(replace(TRAINING.trainer_spec(), sample_weight=weights))
    for step in range(2):
        indices = Batches(13, 5, TRAINING.seed).indices(step)
        sent = [message.sample_weight for message in hosted.messages(Target) if message.step == step]
        assert [len(each) for each in sent if each is not None] == [2, 2, 1]
        joined = np.concatenate([each for each in sent if each is not None])
        np.testing.assert_allclose(joined, weights[indices] / weights[indices].mean())
        assert all(each is not None and not each.flags.writeable for each in sent)
    assert all(message.sample_weight is None for message in Hosted().messages(Target))


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
    assert (hosted.state.reported, hosted.state.cost_sum, hosted.state.weight) == (1, 0.25 * 5, 5)


def test_reports_are_counted_in_the_order_of_steps() -> None:
    hosted = Hosted()
    hosted.report(1)
    assert hosted.events == []
    hosted.report(0)
    assert [event.step for event in hosted.events if isinstance(event, StepFinished)] == [0, 1]


def test_a_report_is_counted_once() -> None:
    hosted = Hosted()
    hosted.report(0, 0, 1, 0, 1)
    assert hosted.state.weight == 10
    assert len(hosted.events) == 2


def test_the_commit_comes_before_what_the_report_lets_it_feed() -> None:
    hosted = Hosted()
    hosted.node.receive(Envelope(LAST, 1, 0, report(0, edge=5, samples=5)))
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


def test_the_cost_of_an_epoch_is_weighted_as_its_samples_are() -> None:
    weights = np.arange(13.0)
    hosted, batches = Hosted(replace(TRAINING.trainer_spec(), sample_weight=weights)), Batches(13, 5, TRAINING.seed)
    for step, value in enumerate((1.0, 2.0, 4.0)):
        hosted.report(step, cost=value)
    hosted.answer()
    (epoch,) = hosted.state.history
    totals = [weights[batches.indices(step)].sum() for step in range(3)]
    assert epoch.train_cost == pytest.approx(np.average([1.0, 2.0, 4.0], weights=totals))


def test_the_test_cost_is_weighted_as_the_test_samples_are_and_metrics_are_not() -> None:
    hosted = trained(Hosted(replace(TRAINING, weighted=True).trainer_spec()))
    hosted.answer()
    judged = samples(TEST_SAMPLES, TRAINING.cost, seed=1, weighted=True)
    outputs, chosen = np.zeros((1, CLASSES), np.float32), cost(TRAINING.cost)
    alone = [chosen.evaluate(outputs, label[np.newaxis], 1)[0] for label in judged.targets]
    expected = np.average(alone, weights=judged.sample_weight)
    assert hosted.state.history[0].test_cost == pytest.approx(expected, rel=1e-6)
    assert hosted.state.history[0].metrics == {"accuracy": float(np.mean(judged.targets == 0))}


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
    assert (hosted.state.reported, hosted.state.cost_sum, hosted.state.weight) == (3, 0.0, 0)


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


def test_it_is_the_peer_of_its_name() -> None:
    spec = TRAINING.trainer_spec()
    assert (spec.address, spec.label, spec.steps) == (TRAINER, "trainer", 6)
