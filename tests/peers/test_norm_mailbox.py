"""Sums and norms wait for the stage's own gradients, and a stage sends its sum before it takes the norm."""

from __future__ import annotations

import pytest

from annex_actors.peers.norm_mailbox import NormMailbox
from annex_actors.peers.stage_progress import StageProgress
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.routing import Routing, stage_address
from tests.protocol.messages import forward

STAGES = Routing(3)


def sum_of(step: int) -> SquaredNorm:
    return SquaredNorm("run", step, -1, 1, 2.0)


def norm_of(step: int) -> GlobalNorm:
    return GlobalNorm("run", step, -1, 1, 3.0)


def progress_after(steps: int, *, committed: int = 0, stage: int = 1) -> StageProgress:
    """Return how far a stage is that has computed the gradients of so many steps of one microbatch."""
    progress = StageProgress(stage_address(stage), STAGES, committed)
    for step in range(committed, committed + steps):
        progress.add_step(forward(step, of=1))
        progress.count_forward()
        progress.count_backward()
        progress.count_weight_gradient(step, 0)
    return progress


def test_a_sum_waits_for_the_stages_own_gradients() -> None:
    mailbox = NormMailbox(True, 0)
    mailbox.put(sum_of(0), 0)
    assert not mailbox.is_empty
    assert mailbox.find(progress_after(0)) is None
    assert mailbox.find(progress_after(1)) == sum_of(0)


def test_a_norm_waits_until_the_sum_is_sent_in_this_incarnation_too() -> None:
    mailbox, progress = NormMailbox(True, 0), progress_after(1)
    mailbox.put(norm_of(0), 0)
    assert mailbox.find(progress) is None
    assert mailbox.waits_for(0) == "the squared norm of step 0"
    mailbox.put(sum_of(0), 0)
    mailbox.count(mailbox.find(progress) or norm_of(0))
    assert mailbox.waits_for(0) == "the global norm of step 0"
    assert mailbox.find(progress) == norm_of(0)


def test_the_first_stage_needs_no_sum() -> None:
    mailbox = NormMailbox(False, 0)
    mailbox.put(norm_of(0), 0)
    assert mailbox.find(progress_after(1, stage=0)) == norm_of(0)


def test_sums_of_later_steps_are_added_before_earlier_steps_are_committed() -> None:
    mailbox, progress = NormMailbox(True, 0), progress_after(2)
    for step in (1, 0):
        mailbox.put(sum_of(step), 0)
    for step in (0, 1):
        found = mailbox.find(progress)
        assert found == sum_of(step)
        mailbox.count(found)
    mailbox.put(norm_of(1), 0)
    assert mailbox.find(progress) is None, "steps are committed in order"


@pytest.mark.parametrize("message", [sum_of(2), norm_of(2)])
def test_what_belongs_to_a_committed_step_is_dropped(message: SquaredNorm | GlobalNorm) -> None:
    mailbox = NormMailbox(True, 3)
    mailbox.put(message, 3)
    assert mailbox.is_empty
    early = NormMailbox(True, 2)
    early.put(message, 2)
    early.commit(3)
    assert early.is_empty


def test_messages_print_on_one_line() -> None:
    assert str(sum_of(4)) == "squared norm step 4 edge 1 2"
    assert str(norm_of(4)) == "global norm step 4 edge 1 3"
