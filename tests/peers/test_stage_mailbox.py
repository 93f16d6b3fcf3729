"""What a stage works on next, one rule at a time."""

from __future__ import annotations

from collections import Counter

import pytest

from annex_actors.peers.obstacle import Obstacle
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.mailbox import Urgency
from annex_actors.protocol.messages import Backward, Forward, Message, Predict, Target, WeightGradient
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.schedules.discipline import B, Discipline, F, W, Work
from annex_actors.schedules.table import DISCIPLINES, discipline
from tests.protocol.messages import backward, forward, predict, report, target, weight_gradient

CAPPED = Discipline(
    "capped", "as many forwards as weight gradients allow", (B, F, W), lambda s, S, m: m, lambda s, S, m: 2
)


def mailbox(
    name: str = "gpipe", *arrived: Message, stage: int = 0, stages: int = 1, committed: int = 0
) -> StageMailbox:
    box = StageMailbox(discipline(name), stage_address(stage), Routing(stages), committed=committed)
    for message in arrived:
        box.put(message)
    return box


def taken(box: StageMailbox) -> list[str]:
    """Take all that is allowed: ``F0`` is the forward of microbatch 0."""
    letters = {Forward: "F", Backward: "B", WeightGradient: "W", Target: "T", Predict: "P"}
    names = []
    while (message := box.next()) is not None:
        names.append(letters[type(message)] + ("" if message.microbatch < 0 else str(message.microbatch)))
    return names


def test_an_empty_mailbox_has_nothing_to_do() -> None:
    assert mailbox().next() is None


def test_what_waits_is_counted_until_it_is_taken() -> None:
    box = mailbox()
    assert box.waiting == 0
    box.put(forward(0, 1))
    box.put(forward(0, 1))
    assert box.waiting == 1, "what arrives twice waits once"
    box.put(forward(0, 0))
    box.put(forward(1, 0))
    assert box.waiting == 3
    assert box.next() is not None
    assert box.waiting == 2


def test_forwards_are_taken_in_the_order_of_their_microbatches() -> None:
    assert taken(mailbox("gpipe", forward(0, 2, of=3), forward(0, 0, of=3), forward(0, 1, of=3))) == ["F0", "F1", "F2"]


def test_a_forward_waits_for_the_one_before_it() -> None:
    assert taken(mailbox("gpipe", forward(0, 1))) == []


def test_a_forward_of_a_later_step_waits_until_its_step_begins() -> None:
    box = mailbox("gpipe", forward(1, 0))
    assert taken(box) == []
    box.commit(1)
    assert taken(box) == ["F0"]


def test_a_forward_that_was_taken_is_not_taken_again() -> None:
    box = mailbox("gpipe", forward(0, 0))
    assert taken(box) == ["F0"]
    box.put(forward(0, 0))
    assert taken(box) == []


def test_a_forward_that_arrives_twice_is_taken_once() -> None:
    assert taken(mailbox("gpipe", forward(0, 0), forward(0, 0))) == ["F0"]


def test_a_gradient_that_arrives_twice_is_taken_once() -> None:
    box = mailbox("1f1b", forward(0, 0), backward(0, 0), backward(0, 0))
    assert taken(box) == ["F0", "B0"]
    box.put(backward(0, 0))
    assert taken(box) == []


def test_a_target_that_arrives_twice_is_taken_once() -> None:
    box = mailbox("gpipe", target(0, 0), target(0, 0))
    assert taken(box) == ["T0"]
    box.put(target(0, 0))
    assert taken(box) == []


@pytest.mark.parametrize("message", [forward(2, 0), backward(2, 0), target(2, 0), predict(2, 0), weight_gradient(2)])
def test_what_belongs_to_a_committed_step_is_dropped(message: Message) -> None:
    assert taken(mailbox("gpipe", message, committed=3)) == []


def test_a_commit_makes_the_next_step_begin_at_its_first_microbatch() -> None:
    box = mailbox("gpipe", forward(0, 0, of=1), forward(1, 0, of=1))
    assert taken(box) == ["F0"]
    box.commit(1)
    assert taken(box) == ["F0"]


def test_a_gradient_from_before_a_crash_waits_for_its_forward_to_be_repeated() -> None:
    box = mailbox("1f1b", backward(0, 0))
    assert taken(box) == []
    box.put(forward(0, 0))
    assert taken(box) == ["F0", "B0"]


def test_a_gradient_waits_for_the_one_before_it() -> None:
    box = mailbox(
        "gpipe", forward(0, 0, of=3), forward(0, 1, of=3), forward(0, 2, of=3), backward(0, 2), backward(0, 0)
    )
    assert taken(box) == ["F0", "F1", "F2", "B0"]
    box.put(backward(0, 1))
    assert taken(box) == ["B1", "B2"]


def test_a_gradient_of_a_later_step_waits() -> None:
    box = mailbox("1f1b", forward(0, 0), backward(1, 0))
    assert taken(box) == ["F0"]
    box.put(backward(0, 0))
    assert taken(box) == ["B0"]


def test_a_forward_waits_for_its_target_where_there_is_a_cost() -> None:
    box = StageMailbox(discipline("gpipe"), stage_address(0), Routing(1), needs_targets=True)
    box.put(forward(0, 0))
    box.put(target(0, 1))
    assert taken(box) == ["T1"]
    box.put(target(0, 0))
    assert taken(box) == ["T0", "F0"]


def test_a_target_of_a_later_step_is_kept_over_a_commit() -> None:
    box = StageMailbox(discipline("gpipe"), stage_address(0), Routing(1), needs_targets=True)
    box.put(target(1, 0))
    assert taken(box) == ["T0"]
    box.commit(1)
    box.put(target(1, 0))
    box.put(forward(1, 0))
    assert taken(box) == ["F0"]


def test_sequential_does_the_backward_of_a_microbatch_before_the_next_forward() -> None:
    box = mailbox("sequential", forward(0, 0), forward(0, 1))
    assert taken(box) == ["F0"]
    box.put(backward(0, 0))
    assert taken(box) == ["B0", "F1"]


def test_1f1b_admits_as_many_as_there_are_stages_from_here_on() -> None:
    box = mailbox("1f1b", *(forward(0, each, of=4) for each in range(4)), stage=1, stages=3)
    assert taken(box) == ["F0", "F1"]
    box.put(backward(0, 0))
    assert taken(box) == ["B0", "F2"]


def test_1f1b_prefers_a_gradient_to_a_forward() -> None:
    box = mailbox("1f1b", *(forward(0, each, of=4) for each in range(3)), stages=4)
    assert isinstance(box.next(), Forward)
    box.put(backward(0, 0))
    assert taken(box) == ["B0", "F1", "F2"]


def test_gpipe_prefers_a_forward_and_holds_gradients_back_until_all_are_through() -> None:
    box = mailbox("gpipe", forward(0, 0), backward(0, 0))
    assert taken(box) == ["F0"]
    box.put(forward(0, 1))
    assert taken(box) == ["F1", "B0"]


def test_the_deferred_weight_gradient_is_the_least_urgent() -> None:
    box = mailbox("1f1b", forward(0, 0), weight_gradient(0), stages=2)
    assert taken(box) == ["F0", "W"]


def test_zb_h1_puts_the_weight_gradient_of_a_microbatch_off_by_as_many_gradients_as_there_are_stages_before() -> None:
    box = mailbox("zb-h1", *(forward(0, each, of=4) for each in range(4)), stage=1, stages=3)
    assert taken(box) == ["F0", "F1"]
    box.put(backward(0, 0))
    box.put(weight_gradient(0, 0))
    assert taken(box) == ["B0", "F2"], "W0 waits for B1"
    box.put(backward(0, 1))
    assert taken(box) == ["B1", "W0", "F3"]


def test_a_stage_that_lags_takes_forwards_of_as_many_later_steps() -> None:
    arrived = [forward(step, 0, of=1) for step in range(4)]
    box = mailbox("pipedream", *arrived, stage=1, stages=4)
    assert [message.step for message in iter(box.next, None)] == [0, 1, 2]
    box.put(backward(0, 0))
    assert taken(box) == ["B0"]
    assert box.next() is None, "credit is there, version 1 is not"
    box.commit(1)
    assert taken(box) == ["F0"]


def test_no_stash_holds_a_gradient_back_until_all_earlier_updates_are_made() -> None:
    box = mailbox("no-stash", *(forward(step, 0, of=1) for step in range(2)), stages=2)
    assert taken(box) == ["F0", "F0"]
    box.put(backward(0, 0))
    box.put(backward(1, 0))
    assert taken(box) == ["B0"]
    box.commit(1)
    assert taken(box) == ["B0"]


@pytest.mark.parametrize("name", sorted(DISCIPLINES))
def test_there_is_an_urgency_wherever_there_is_a_next_message(name: str) -> None:
    box = mailbox(name, predict(0, 0), target(0, 0), *(forward(0, each, of=2) for each in range(2)), stages=2)
    for _ in range(4):
        assert (box.urgency() is None) == (next(iter(taken_once(box)), None) is None)


def taken_once(box: StageMailbox) -> list[Message]:
    message = box.next()
    return [] if message is None else [message]


def test_urgency_goes_by_priority_then_step_then_microbatch_then_stage() -> None:
    def urgency(*arrived: Message, stage: int = 0) -> Urgency:
        found = mailbox("1f1b", *arrived, stage=stage, stages=3).urgency()
        assert found is not None
        return found

    later = mailbox("1f1b", forward(0, 0, of=1), forward(1, 0, of=1), stages=3)
    assert urgency(target(0, 0)) < urgency(forward(0, 0))
    assert urgency(forward(0, 0)) < urgency(forward(0, 0), stage=1)
    assert later.next() is not None
    later.commit(1)
    assert urgency(forward(0, 0)) < (later.urgency() or ())


def test_a_cap_holds_forwards_back_until_the_weight_gradients_are_made() -> None:
    box = StageMailbox(CAPPED, stage_address(0), Routing(1))
    for message in (forward(0, 0, of=2), backward(0, 0), forward(0, 1, of=2), backward(0, 1)):
        box.put(message)
    assert taken(box) == ["F0", "B0", "F1", "B1"]
    capped = StageMailbox(CAPPED, stage_address(0), Routing(1))
    for each in range(3):
        capped.put(forward(0, each, of=3))
    assert taken(capped) == ["F0", "F1"]


def test_a_prediction_meets_the_version_of_the_weights_that_it_names() -> None:
    box = mailbox("1f1b", predict(1, 0), forward(0, 0))
    assert taken(box) == ["F0"]
    box.commit(1)
    assert taken(box) == ["P0"]


def test_predictions_of_earlier_versions_are_dropped_at_a_commit() -> None:
    box = mailbox("1f1b", predict(1, 0))
    box.commit(2)
    assert taken(box) == []


def test_predictions_need_no_credit() -> None:
    box = mailbox("sequential", forward(0, 0), predict(0, 0), predict(0, 1))
    assert Counter(taken(box)) == Counter(["F0", "P0", "P1"])


def test_a_report_is_no_message_for_a_stage() -> None:
    with pytest.raises(TypeError, match="expected a stage's message, got report step 0"):
        mailbox().put(report(0))


# For what it waits


def test_a_mailbox_says_which_message_it_waits_for() -> None:
    box = mailbox("1f1b", stages=2)
    assert box.waits_for() == "the activation of step 0 microbatch 0"
    box.put(forward(0, 0))
    assert taken(box) == ["F0"]
    assert box.waits_for() == "the gradient of step 0 microbatch 0"
    box.put(backward(0, 0))
    assert taken(box) == ["B0"]
    assert box.waits_for() == "the activation of step 0 microbatch 1"


def test_a_mailbox_of_the_last_stage_says_that_a_target_is_missing() -> None:
    box = StageMailbox(discipline("1f1b"), stage_address(0), Routing(1), needs_targets=True)
    box.put(forward(0, 0))
    assert taken(box) == []
    assert box.waits_for() == "the target of step 0 microbatch 0"


@pytest.mark.parametrize(
    ("closed", "arrived", "waits_for"),
    [
        (F, [forward()], "schedule closed to allow forward of step 0 microbatch 0"),
        (B, [forward(), backward()], "schedule closed to allow backward of step 0 microbatch 0"),
        (W, [forward(of=1), backward(), weight_gradient()], "schedule closed to allow weight gradient of step 0"),
    ],
)
def test_a_mailbox_says_which_work_the_schedule_does_not_allow(
    closed: Work, arrived: list[Message], waits_for: str
) -> None:
    row = Discipline("closed", "never", (B, F, W), lambda s, S, m: m, gate=lambda work, at: work is not closed)
    box = StageMailbox(row, stage_address(0), Routing(1))
    for message in arrived:
        box.put(message)
        taken(box)
    assert box.waits_for() == waits_for


def obstacles(box: StageMailbox) -> dict[str, Obstacle | None]:
    """Return what keeps each message back, by the letter of its work, step and microbatch."""
    letters = {Forward: "F", Backward: "B", WeightGradient: "W", Predict: "P", Target: "T"}
    return {f"{letters[type(each)]}{each.step}.{each.microbatch}": box.obstacle(each) for each in box.messages}


def test_a_mailbox_says_what_keeps_a_message_back() -> None:
    assert obstacles(mailbox("gpipe", forward(0, 0, of=2), forward(0, 1, of=2), predict(1))) == {
        "F0.0": None,
        "F0.1": Obstacle.TURN,
        "P1.0": Obstacle.VERSION,
    }
    box = mailbox("1f1b", forward(0, 0, of=2), forward(0, 1, of=2), stage=1, stages=2)
    assert taken(box) == ["F0"]
    box.put(backward(0, 1))
    assert obstacles(box) == {"F0.1": Obstacle.CREDIT, "B0.1": Obstacle.REPEAT}
    box.put(forward(1, 0))
    assert obstacles(box)["F1.0"] == Obstacle.TURN
    gated = mailbox("gpipe", forward(0, 0, of=2), backward(0, 0))
    assert taken(gated) == ["F0"]
    assert obstacles(gated) == {"B0.0": Obstacle.GATE}
    lagging = mailbox("pipedream", forward(0, 0, of=1), forward(1, 0), stage=1, stages=2)
    assert taken(lagging) == ["F0"]
    assert obstacles(lagging) == {"F1.0": Obstacle.VERSION}


def test_a_forward_is_held_back_by_its_target_and_by_a_cap() -> None:
    box = StageMailbox(CAPPED, stage_address(0), Routing(1), needs_targets=True)
    box.put(forward(0, 0, of=3))
    assert obstacles(box) == {"F0.0": Obstacle.TARGET}
    for microbatch in range(3):
        box.put(target(0, microbatch))
    box.put(forward(0, 1, of=3))
    box.put(forward(0, 2, of=3))
    assert obstacles(box)["T0.0"] is None
    assert obstacles(box)["T0.1"] == Obstacle.TURN
    assert taken(box) == ["T0", "T1", "T2", "F0", "F1"]
    assert obstacles(box) == {"F0.2": Obstacle.CAP}
