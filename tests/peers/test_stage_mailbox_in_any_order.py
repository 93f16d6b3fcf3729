"""Whatever the order of arrival, a stage's mailbox keeps what its schedule promises."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.messages import WHOLE_STEP, Backward, Forward, Message, WeightGradient
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, W
from annex_actors.schedules.table import DISCIPLINES
from tests.protocol.messages import backward, forward, weight_gradient


class Observed:
    """A stage that does nothing but count, and check what the schedule promises."""

    def __init__(self, row: Discipline, stage: int, stages: int, microbatches: list[int], committed: int = 0) -> None:
        self.box = StageMailbox(row, stage_address(stage), Routing(stages), committed=committed)
        self.row, self.stage, self.stages, self.microbatches = row, stage, stages, microbatches
        self.each = row.weight_gradients is Grouping.MICROBATCH
        self.step = committed
        self.done: dict[str, list[tuple[int, int]]] = {"F": [], "B": [], "W": []}

    def drain(self) -> None:
        while (message := self.box.next()) is not None:
            self.take(message)

    def take(self, message: Message) -> None:
        of, place = self.microbatches[message.step], (message.step, message.microbatch)
        forwards, backwards, deferred_ = (self.done[work] for work in "FBW")
        match message:
            case Forward():
                assert self.step >= message.step - self.row.lag(self.stage, self.stages), "the version is there"
                forwards.append(place)
                assert len(forwards) - len(backwards) <= self.row.credit(self.stage, self.stages, of)
                assert (
                    self.row.cap is None
                    or not self.each
                    or len(forwards) - len(deferred_) <= self.row.cap(self.stage, self.stages, of)
                )
            case Backward():
                assert place in forwards, "a gradient after its forward"
                assert self.row.stashes or self.step == message.step
                backwards.append(place)
                if self.each or message.microbatch == of - 1:
                    self.box.put(weight_gradient(message.step, message.microbatch if self.each else WHOLE_STEP))
            case WeightGradient():
                last = (message.step, of - 1) if message.microbatch == WHOLE_STEP else place
                assert last in backwards, "the weight gradient after the gradients"
                deferred_.append(place)
                if last == (message.step, of - 1):
                    self.step += 1
                    self.box.commit(self.step)

    def check(self, first: int) -> None:
        """Check that all was done, each once and in order."""
        places = [(t, each) for t, of in enumerate(self.microbatches) if t >= first for each in range(of)]
        steps = [(t, WHOLE_STEP) for t in range(first, len(self.microbatches))]
        assert self.done == {"F": places, "B": places, "W": places if self.each else steps}
        assert (self.box.in_flight, self.box.deferred) == (0, 0)


def stream(microbatches: Iterable[int]) -> list[Message]:
    """Return all that reaches a stage: forwards and gradients of every microbatch of every step."""
    places = [(step, each, of) for step, of in enumerate(microbatches) for each in range(of)]
    return [message for step, each, of in places for message in (forward(step, each, of=of), backward(step, each))]


ROWS = [
    *DISCIPLINES.values(),
    Discipline("W first", "", (W, F, B), lambda s, S, m: 2),
    Discipline("capped", "", (F, B, W), lambda s, S, m: m, lambda s, S, m: m),
    Discipline("lags", "", (W, F, B), lambda s, S, m: 3, lag=lambda s, S: 4, weight_gradients=Grouping.MICROBATCH),
]


@settings(deadline=None, print_blob=True)
@given(
    row=st.sampled_from(ROWS),
    stages=st.integers(1, 5),
    microbatches=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    data=st.data(),
)
def test_whatever_arrives_when_and_how_often_every_piece_of_work_is_done_once_and_in_its_turn(
    row: Discipline, stages: int, microbatches: list[int], data: st.DataObject
) -> None:
    once = stream(microbatches)
    twice = data.draw(st.lists(st.sampled_from(once), max_size=6), label="arrive twice")
    observed = Observed(row, data.draw(st.integers(0, stages - 1), label="stage"), stages, microbatches)
    for message in data.draw(st.permutations(once + twice), label="arrivals"):
        observed.box.put(message)
        if data.draw(st.booleans(), label="work"):
            observed.drain()
    observed.drain()
    observed.check(0)


@settings(deadline=None, print_blob=True)
@given(
    row=st.sampled_from(ROWS),
    committed=st.integers(0, 3),
    microbatches=st.lists(st.integers(1, 4), min_size=4, max_size=4),
    data=st.data(),
)
def test_a_restarted_stage_repeats_its_step_and_none_that_it_committed(
    row: Discipline, committed: int, microbatches: list[int], data: st.DataObject
) -> None:
    observed = Observed(row, 0, 2, microbatches, committed)
    for message in data.draw(st.permutations(stream(microbatches)), label="arrivals"):
        observed.box.put(message)
    observed.drain()
    observed.check(committed)


@settings(deadline=None, print_blob=True)
@given(
    row=st.sampled_from(ROWS),
    stage=st.integers(0, 2),
    microbatches=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_work_that_nothing_keeps_back_may_be_taken_first(
    row: Discipline, stage: int, microbatches: list[int], data: st.DataObject
) -> None:
    observed = Observed(row, stage, 3, microbatches)
    box = observed.box
    for message in data.draw(st.permutations(stream(microbatches))):
        box.put(message)
        while (following := box.peek()) is not None:
            assert box.obstacle(following) is None
            allowed = [each for each in box.messages if box.obstacle(each) is None]
            assert any(each is following for each in allowed)
            chosen = data.draw(st.sampled_from(allowed))
            for held in box.messages:
                if box.obstacle(held) is not None:
                    with pytest.raises(ValueError, match="expected work that is allowed now"):
                        box.prefer(held)
            box.prefer(chosen)
            assert box.peek() is chosen
            assert box.next() is chosen
            observed.take(chosen)
        assert all(box.obstacle(each) is not None for each in box.messages)
        assert len(box.messages) == box.waiting
    observed.check(0)
