"""When the trainer ends a run: after its last epoch, when a condition is met, or when its owner says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.events import EpochFinished, Finished
from annex_actors.protocol.messages import OWNER, Await
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.snapshot import Snapshot
from tests.peers.trainers import HALT, LAST, STAGES, TRAINING, Hosted, at_the_end, trained


def test_after_the_last_epoch_it_awaits_that_every_stage_has_committed() -> None:
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


def test_who_is_told_to_halt_finishes_what_it_fed() -> None:
    hosted = Hosted()
    hosted.tell(HALT, OWNER)
    assert hosted.state.halt_at == 2
    assert hosted.messages(Await) == []
    hosted.report(0, 1)
    assert hosted.fed == [0, 1]
    hosted.committed(2)
    assert hosted.events[-1] == Finished(2)


def test_who_is_told_to_halt_while_it_evaluates_ends_without_that_epoch() -> None:
    hosted = trained(Hosted())
    hosted.tell(HALT, OWNER)
    hosted.answer()
    assert hosted.state.history == ()
    hosted.committed(3)
    assert hosted.events[-1] == Finished(3)


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


# A resumed state


def resumed(epochs: int, *, finished: int, reported: int) -> TrainerSpec:
    """Return a trainer of so many epochs, of three steps each, that begins where an earlier run ended."""
    history = tuple(EpochFinished(epoch, 3 * (epoch + 1), 0.5) for epoch in range(finished))
    return replace(replace(TRAINING, epochs=epochs).trainer_spec(), resumed=TrainerState(reported, history=history))


def test_a_state_beyond_the_last_epoch_ends_the_run_without_another_step() -> None:
    for finished, reported in ((2, 6), (3, 9), (3, 10)):
        hosted = Hosted(resumed(2, finished=finished, reported=reported))
        assert hosted.fed == []
        assert {message.step for message in hosted.messages(Await)} == {reported}
        hosted.committed(reported)
        assert hosted.events == [Finished(reported)]


def test_a_state_beyond_the_step_to_halt_at_ends_the_run_without_another_step() -> None:
    state = TrainerState(reported=2, halt_at=1)
    hosted = Hosted(replace(TRAINING.trainer_spec(), resumed=state))
    assert hosted.fed == []
    hosted.committed(2)
    assert hosted.events == [Finished(2)]


@pytest.mark.parametrize(("finished", "reported"), [(0, 4), (1, 2), (1, 7), (2, 5)])
def test_a_state_whose_epoch_would_never_end_is_refused_before_anything_starts(finished: int, reported: int) -> None:
    expected = (
        f"expected a training that has finished {counted(finished, 'epoch')} of 3 steps to be at step "
        f"{3 * finished} to {3 * finished + 3}, got {reported}"
    )
    with pytest.raises(ConfigError, match=expected):
        resumed(5, finished=finished, reported=reported)


def test_a_commit_whose_epoch_would_never_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="to be at step 0 to 3, got 4"):
        TRAINING.trainer_spec().node(Snapshot(TRAINER, 4, TrainerState(reported=4)), 2)


# For what it waits


def test_it_says_for_what_it_waits() -> None:
    hosted = Hosted()
    assert hosted.node.waits_for() == "the cost of step 0"
    hosted.report(0, 1, 2)
    assert hosted.node.waits_for() == "the outputs of an evaluation"
    hosted.answer()
    trained(hosted).answer()
    assert hosted.node.waits_for() == "the last commit of stage-0 and 4 more"
    hosted.committed(6, *STAGES[:-1])
    assert hosted.node.waits_for() == "the last commit of stage-4"
    hosted.committed(6, LAST)
    assert hosted.node.waits_for() is None, "it has finished"
