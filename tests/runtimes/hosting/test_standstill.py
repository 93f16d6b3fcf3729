"""A survey ends a run in which nothing can happen any more, and no other: in any order of events, with any kills."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.messages import WHOLE_STEP, Address, Envelope
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.protocol.survey import SURVEYOR, Marker, Waiting
from annex_actors.runtimes import Program, StandstillError, Supervision
from annex_actors.runtimes.hosting.failures import standstill
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.standstill import Surveyor
from annex_actors.runtimes.inline import InlineJob
from annex_actors.schedules.table import DISCIPLINES
from tests.trainings import Training

PROGRAM = Training().program()
ADDRESSES = [spec.address for spec in PROGRAM.peers]
STAGES = ADDRESSES[:-1]


@dataclass
class Mail:
    """A reference to a peer that keeps what it is told."""

    told: list[Envelope] = field(default_factory=list)

    def tell(self, envelope: Envelope) -> None:
        self.told.append(envelope)


class Surveyed:
    """A surveyor of peers that the test answers for."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.up: dict[Address, Mail] = {address: Mail() for address in ADDRESSES}
        peers: Any = self
        self.surveyor = Surveyor(PROGRAM, peers, self.outcome)

    def at(self, address: Address) -> Mail | None:
        return self.up.get(address)

    def begin(self) -> int:
        """Begin a survey, and return its number."""
        self.surveyor.begin()
        marker = self.up[TRAINER].told[-1].message
        assert isinstance(marker, Marker)
        return marker.survey

    def answer(self, survey: int, *addresses: Address, waits_for: str | None = "rain") -> None:
        for address in addresses:
            waiting = Waiting("run", 0, WHOLE_STEP, WHOLE_STEP, survey, waits_for)
            self.surveyor.tell(Envelope(address, 1, 0, waiting))


def test_the_answers_of_all_peers_end_the_run() -> None:
    surveyed = Surveyed()
    survey = surveyed.begin()
    assert [len(peer.told) for peer in surveyed.up.values()] == [1] * len(ADDRESSES)
    surveyed.answer(survey, *ADDRESSES[1:])
    assert not surveyed.outcome.over
    surveyed.answer(survey, ADDRESSES[0])
    with pytest.raises(StandstillError, match="the run stands still: trainer and 5 more wait for rain"):
        surveyed.outcome.wait()


def test_a_driver_that_waits_for_its_owner_alone_is_no_standstill() -> None:
    surveyed = Surveyed()
    survey = surveyed.begin()
    surveyed.answer(survey, *STAGES)
    surveyed.answer(survey, TRAINER, waits_for=None)
    assert not surveyed.outcome.over


def test_no_survey_begins_while_a_peer_is_not_up() -> None:
    surveyed = Surveyed()
    del surveyed.up[stage_address(2)]
    surveyed.surveyor.begin()
    assert surveyed.up[TRAINER].told == []


def test_a_new_incarnation_voids_the_survey() -> None:
    surveyed = Surveyed()
    survey = surveyed.begin()
    surveyed.answer(survey, *ADDRESSES[1:])
    surveyed.surveyor.void()
    surveyed.answer(survey, ADDRESSES[0])
    assert not surveyed.outcome.over


def test_the_answers_of_two_surveys_are_not_put_together() -> None:
    surveyed = Surveyed()
    first = surveyed.begin()
    surveyed.answer(first, *ADDRESSES[1:])
    second = surveyed.begin()
    surveyed.answer(first, ADDRESSES[0])
    surveyed.answer(second, ADDRESSES[0])
    assert not surveyed.outcome.over


def test_a_run_that_is_over_is_not_surveyed() -> None:
    surveyed = Surveyed()
    surveyed.outcome.finish()
    surveyed.surveyor.begin()
    assert surveyed.up[TRAINER].told == []


def test_the_error_names_peers_that_wait_for_the_same_together() -> None:
    error = standstill(
        [("trainer", "the cost"), ("a", "x"), ("b", "x"), ("c", None), ("d", "y"), ("e", "y"), ("f", "y")]
    )
    assert str(error) == (
        "the run stands still: trainer waits for the cost; a and b wait for x; d and 2 more wait for y"
    )


class SurveyedJob(InlineJob):
    """An inline job that is surveyed at random moments, and whose peers are killed at random moments."""

    def __init__(self, program: Program, random: Random, *, kills: int) -> None:
        at = {random.randrange(1, 900) for _ in range(kills)}
        super().__init__(program, lambda channels, peers: random.randrange(channels + peers), at.__contains__)
        self.outcome = Outcome()
        peers: Any = self
        self._random = random
        self._surveyor = Surveyor(program, peers, self.outcome)

    def at(self, address: Address) -> Any:
        mail = Mail()
        mail.tell = lambda envelope: self._channel(SURVEYOR, address).append(envelope)  # type: ignore[method-assign]
        return mail

    def _channel(self, sender: Address, to: Address) -> deque[Envelope]:
        return self._channels.setdefault((sender, to), deque())

    def _next_event(self) -> None:
        stands_still = not self._channels and not self._busy
        if stands_still or self._random.random() < 0.05:
            self._surveyor.begin()
        super()._next_event()
        if self.outcome.over:
            self.outcome.wait()

    def _execute(self, effect: Effect, incarnation: int) -> None:
        if isinstance(effect, Send) and effect.to == SURVEYOR:
            self._surveyor.tell(effect.envelope)
        else:
            super()._execute(effect, incarnation)

    def _start(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            self._surveyor.void()
            super()._start([address])


UNLIMITED = Supervision(max_restarts=10**6)


@settings(deadline=None, print_blob=True, max_examples=150)
@given(seed=st.integers(0, 2**32), schedule=st.sampled_from(sorted(DISCIPLINES)), kills=st.integers(0, 12))
def test_no_survey_at_any_moment_ends_a_run_that_can_go_on(seed: int, schedule: str, kills: int) -> None:
    training = Training(schedule=schedule, microbatches=3)
    job = SurveyedJob(training.program(supervision=UNLIMITED), Random(seed), kills=kills)
    job.wait()
    assert not job.outcome.over


@settings(deadline=None, print_blob=True, max_examples=60)
@given(seed=st.integers(0, 2**32), kills=st.integers(0, 12), deaf=st.booleans())
def test_a_survey_ends_every_run_that_cannot(seed: int, kills: int, deaf: bool) -> None:
    training = Training(microbatches=3)
    program, stages, trainer = training.program(supervision=UNLIMITED), training.stage_specs(), training.trainer_spec()
    if deaf:
        program = replace(program, stages=(*stages[:2], replace(stages[2], run="another"), *stages[3:]))
    else:
        program = replace(program, driver=replace(trainer, resumed=TrainerState(reported=1, weight=5)))
    with pytest.raises(StandstillError, match="trainer waits for the cost of step"):
        SurveyedJob(program, Random(seed), kills=kills).wait()
