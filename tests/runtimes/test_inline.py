"""The single-threaded host: tests choose the order of events, the kills, and the interrupts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.events import Event, PeerExited
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.runtimes import InlineRuntime, RunFailedError, StandstillError, Supervision
from annex_actors.runtimes.inline import InlineJob, work_first
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.checkpoint import Checkpoint
from tests.matrix import some
from tests.trainings import Seen, Training, carry_out, fingerprints, train, undisturbed

TRAINING = Training(microbatches=3)
SMALL = Training(epochs=1, size=4, batch_size=2)


def events_of(training: Training) -> int:
    """Return how many events an undisturbed run of ``training`` has."""
    job = InlineRuntime().start(training.program())
    assert isinstance(job, InlineJob)
    job.wait()
    return job.events


def test_peers_work_before_messages_are_delivered_unless_told_otherwise() -> None:
    assert work_first(channels=3, peers=2) == 3
    assert work_first(channels=3, peers=0) == 0


@settings(deadline=None, print_blob=True, max_examples=60)
@given(seed=st.integers(0, 2**32), schedule=st.sampled_from(sorted(DISCIPLINES)))
def test_any_order_of_events_gives_the_same_weights(seed: int, schedule: str) -> None:
    training, random = replace(TRAINING, schedule=schedule), Random(seed)
    outcome = train(training, InlineRuntime(choose=lambda channels, peers: random.randrange(channels + peers)))
    assert outcome.fingerprints == undisturbed(training).fingerprints
    assert outcome.history == undisturbed(training).history


@pytest.mark.parametrize(
    "choose",
    [
        lambda channels, peers: 0,
        lambda channels, peers: channels + peers - 1,
        lambda channels, peers: max(0, channels - 1),
    ],
    ids=["deliver first, oldest channel", "newest peer first", "deliver first, newest channel"],
)
def test_extreme_orders_give_the_same_weights(choose: Callable[[int, int], int]) -> None:
    assert train(TRAINING, InlineRuntime(choose=choose)).fingerprints == undisturbed(TRAINING).fingerprints


def test_the_same_choices_make_the_same_events() -> None:
    logs = []
    for _ in range(2):
        random, seen = Random(7), Seen()
        host = InlineRuntime(choose=lambda channels, peers, random=random: random.randrange(channels + peers))  # type: ignore[misc]
        carry_out(TRAINING.program(observers=[seen]), host, TRAINING.initial)
        logs.append(seen.events)
    assert logs[0] == logs[1]


def test_all_work_is_done_in_the_thread_that_waits() -> None:
    threads = set[threading.Thread]()

    class Look(Instrument):
        def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
            threads.add(threading.current_thread())

    carry_out(SMALL.program(instruments=[Look()]), InlineRuntime(), SMALL.initial)
    assert threads == {threading.current_thread()}


def test_nothing_is_done_before_the_job_is_waited_for() -> None:
    seen = Seen()
    job = InlineRuntime().start(SMALL.program(observers=[seen]))
    assert seen.events == []
    job.close()


def test_a_peer_is_killed_at_the_events_that_the_test_names() -> None:
    seen = Seen()
    host = InlineRuntime(kill=lambda event: event in (50, 90))
    outcome = carry_out(TRAINING.program(observers=[seen]), host, TRAINING.initial)
    assert outcome.restarts == 2
    reasons = [event.reason for event in seen.of(PeerExited) if not event.orderly]
    assert reasons == ["Killed: killed at event 50", "Killed: killed at event 90"]
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


def test_kills_are_limited_by_the_restart_window_alone() -> None:
    host = InlineRuntime(kill=lambda event: event > 40)
    program = TRAINING.program(supervision=Supervision(max_restarts=7, max_seconds=100, max_attempts=1))
    with pytest.raises(
        RunFailedError, match=r": Killed: .* .ended once more than the allowed 7 restarts in 100 s"
    ) as caught:
        carry_out(program, host, TRAINING.initial)
    assert "layer " in str(caught.value)


def test_a_protocol_that_stands_still_is_an_error_and_no_endless_loop() -> None:
    program = SMALL.program()
    deaf = tuple(replace(spec, run="another") for spec in SMALL.stage_specs())
    with pytest.raises(StandstillError, match="trainer waits for the cost of step 0"):
        carry_out(replace(program, stages=deaf), InlineRuntime(), SMALL.initial)


def interrupting_at(*numbers: int) -> Callable[[int], bool]:
    """Return a ``kill`` that raises KeyboardInterrupt at some events."""

    def interrupt(event: int) -> bool:
        if event in numbers:
            raise KeyboardInterrupt
        return False

    return interrupt


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8], ids=lambda after: f"and again {after} events later" * bool(after))
def test_an_interrupt_at_any_event_can_be_followed_by_more_waiting(whole: bool, after: int) -> None:
    for event in some(range(1, events_of(SMALL) + 1), sample=60 if not after else 10, whole=whole):
        program = SMALL.program()
        job = InlineRuntime(kill=interrupting_at(event, event + after)).start(program)
        interrupts = 0
        while True:
            try:
                job.wait()
                break
            except KeyboardInterrupt:
                interrupts += 1
        assert interrupts == len({event, event + after})
        checkpoint = Checkpoint.gather(program.store, [spec.address for spec in program.stages], SMALL.initial)
        assert fingerprints(checkpoint) == undisturbed(SMALL).fingerprints, f"interrupted at event {event}"


def test_an_interrupt_in_an_observer_gets_through() -> None:
    class Impatient:
        def on_event(self, event: Event) -> None:
            raise KeyboardInterrupt

    job = InlineRuntime().start(SMALL.program(observers=[Impatient()]))
    with pytest.raises(KeyboardInterrupt):
        job.wait()
