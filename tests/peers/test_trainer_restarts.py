"""What a restarted trainer does again, and what it does again for a restarted stage."""

from __future__ import annotations

import pytest

from annex_actors.protocol.events import Finished
from annex_actors.protocol.messages import OWNER, Address, Await, Envelope, Forward, Predict
from tests.peers.trainers import HALT, LAST, STAGES, Hosted, at_the_end, trained
from tests.protocol.messages import committed, resume


def test_a_stage_that_is_restarted_at_the_end_is_asked_again() -> None:
    hosted = at_the_end(Hosted())
    hosted.committed(6, *STAGES[1:])
    before = len(hosted.messages(Await))
    hosted.tell(resume(5), STAGES[0], incarnation=2)
    assert len(hosted.messages(Await)) == before + 1
    assert hosted.sent[-1][0] == STAGES[0]


def test_a_halt_outlives_the_trainer_that_was_told() -> None:
    told = Hosted()
    told.tell(HALT, OWNER)
    successor = Hosted(snapshot=told.commits[-1], incarnation=2)
    assert successor.fed == [0, 1]
    successor.report(0, 1)
    assert successor.fed == [0, 1]
    successor.committed(2)
    assert successor.events[-1] == Finished(2)


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
        first.node.receive(Envelope(stage, 1, 1, committed(1)))
    first.report(0)
    assert Hosted(snapshot=first.commits[-1], incarnation=2).fed == [1, 2]


def test_a_restarted_trainer_evaluates_again_an_epoch_that_was_not_decided_on() -> None:
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
def test_predictions_are_asked_again_when_any_stage_is_restarted(stage: Address) -> None:
    hosted = trained(Hosted())
    hosted.tell(resume(3), stage, incarnation=2)
    assert [(message.step, message.microbatch) for message in hosted.messages(Predict)] == [(3, 0), (3, 0)]
