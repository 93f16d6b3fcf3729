"""A replica of a stage: what it tells the others, and what it does with what they tell."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.messages import WHOLE_STEP, Message, Part
from annex_actors.protocol.norms import GlobalNorm
from annex_actors.protocol.replicas import Share
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.schedules.table import discipline
from tests.protocol.messages import RUN, backward, forward, target, weight_gradient

ROUTING = Routing(3, replicas=(1, 2, 2))
FACTORS = {0: (np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)), 2: (np.ones((2, 1), np.float32),)}


def share(step: int = 0, microbatch: int = 0, *, of: int = 2) -> Share:
    """Return what another replica has made of a microbatch."""
    return Share.of(backward(step, microbatch), 7, Part(of, of), 0.5, FACTORS)


def mailbox(
    name: str, *arrived: Message, replica: int = 1, stage: int = 1, needs_targets: bool = False
) -> StageMailbox:
    box = StageMailbox(discipline(name), stage_address(stage, replica), ROUTING, needs_targets=needs_targets)
    for message in arrived:
        box.put(message)
    return box


def taken(box: StageMailbox) -> list[tuple[str, int, int]]:
    """Take all that is allowed: kind, step and microbatch."""
    found = []
    while (message := box.next()) is not None:
        found.append((message.kind, message.step, message.microbatch))
    return found


@pytest.mark.parametrize("factors", [FACTORS, {1: FACTORS[0]}, {}], ids=["two layers", "one", "none"])
def test_what_is_told_of_a_microbatch_can_be_sent_and_read_again(factors: dict[int, tuple[np.ndarray, ...]]) -> None:
    told = Share.of(backward(3, 1), 7, Part(2, 4, 0.5, 0.25), 1.5, factors)
    read = pickle.loads(pickle.dumps(told, protocol=5))
    assert (read.step, read.microbatch, read.edge, read.part, read.cost) == (3, 1, 7, told.part, 1.5)
    assert read.nbytes == sum(array.nbytes for arrays in factors.values() for array in arrays)
    assert read.factors.keys() == factors.keys()
    for layer, arrays in factors.items():
        for array, expected in zip(read.factors[layer], arrays, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_what_others_tell_of_the_step_under_way_is_taken_at_once_and_only_once() -> None:
    box = mailbox("1f1b", share(0, 0, of=3), share(0, 2, of=3), share(0, 0, of=3))
    assert box.waiting == 2
    assert taken(box) == [("share", 0, 0), ("share", 0, 2)]
    box.put(share(0, 0, of=3))
    assert box.next() is None


def test_what_others_tell_of_a_later_step_waits_for_the_commit_before() -> None:
    box = mailbox("1f1b", share(1, 0), share(2, 0))
    assert box.urgency() is None
    assert taken(box) == []
    assert box.waiting == 2
    box.commit(1)
    assert taken(box) == [("share", 1, 0)]
    box.commit(3)
    assert taken(box) == []
    assert box.waiting == 0, "what belongs to a committed step is dropped"


def test_forwards_are_taken_in_the_order_of_the_replicas_own_share() -> None:
    box = mailbox("gpipe", forward(0, 3, of=5), forward(0, 1, of=5))
    assert taken(box) == [("forward", 0, 1), ("forward", 0, 3)]


def test_the_gate_of_a_schedule_opens_when_the_replicas_own_share_is_done() -> None:
    box = mailbox("gpipe", forward(0, 1, of=5), backward(0, 1), backward(0, 3))
    assert taken(box) == [("forward", 0, 1)]
    box.put(forward(0, 3, of=5))
    assert taken(box) == [("forward", 0, 3), ("backward", 0, 1), ("backward", 0, 3)]


def test_the_credit_of_a_schedule_is_for_the_replicas_own_microbatches() -> None:
    box = mailbox("1f1b", *(forward(0, microbatch, of=8) for microbatch in (1, 3, 5, 7)))
    assert taken(box) == [("forward", 0, 1), ("forward", 0, 3)]
    assert box.in_flight == 2


def test_only_the_replicas_own_microbatches_count_as_deferred() -> None:
    box = mailbox("zb-h1", share(0, 0, of=3), forward(0, 1, of=3), backward(0, 1), weight_gradient(0, 0))
    assert taken(box) == [("share", 0, 0), ("forward", 0, 1), ("backward", 0, 1), ("weight gradient", 0, 0)]
    assert box.deferred == 1
    box.put(weight_gradient(0, 1))
    assert taken(box) == [("weight gradient", 0, 1)]
    assert box.deferred == 0


def test_a_norm_waits_until_w_of_all_microbatches_is_done_not_only_of_the_replicas_own() -> None:
    norm = GlobalNorm(RUN, 0, WHOLE_STEP, 7, 2.0)
    box = mailbox("zb-h1", forward(0, 1, of=3), backward(0, 1), weight_gradient(0, 0), weight_gradient(0, 1), norm)
    assert ("global norm", 0, WHOLE_STEP) not in taken(box)
    box.put(weight_gradient(0, 2))
    assert taken(box) == [("weight gradient", 0, 2), ("global norm", 0, WHOLE_STEP)]


def test_a_replica_without_a_microbatch_of_a_step_works_on_it_when_all_others_have_told() -> None:
    box = mailbox("1f1b", share(0, 0, of=1))
    assert taken(box) == [("share", 0, 0)]
    box.put(weight_gradient(0))
    assert taken(box) == [("weight gradient", 0, WHOLE_STEP)]
    box.commit(1)
    box.put(forward(1, 1))
    assert taken(box) == [("forward", 1, 1)]


def test_a_replica_says_what_it_waits_for() -> None:
    box = mailbox("1f1b", forward(0, 1), backward(0, 1))
    assert taken(box) == [("forward", 0, 1), ("backward", 0, 1)]
    assert box.waits_for() == "what another replica makes of step 0 microbatch 0"
    box.put(share(0, 0))
    assert taken(box) == [("share", 0, 0)]
    box.put(weight_gradient(0))
    assert taken(box) == [("weight gradient", 0, WHOLE_STEP)]
    box.commit(1)
    assert box.waits_for() == "the activation of step 1 microbatch 0"


def test_the_last_stage_takes_targets_of_its_own_microbatches_and_shares_of_the_others() -> None:
    box = mailbox("1f1b", target(0, 1), share(0, 0), forward(0, 1), stage=2, needs_targets=True)
    assert taken(box) == [("target", 0, 1), ("share", 0, 0), ("forward", 0, 1)]
