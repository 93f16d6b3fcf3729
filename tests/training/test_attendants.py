"""Attendants are there while a run goes on, and not a moment longer; one that does not start ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.protocol.events import Event, Finished, PeerStarted
from annex_actors.runtimes import Crash, Job, Program, RunFailedError
from annex_actors.training.attendants import Attendant
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session
from tests.leaks import nothing_left
from tests.trainings import Training

TRAINING = Training(microbatches=2, epochs=2)
RUNTIMES = ["inline", "threads", "schedulers", "processes"]


class Guest:
    """Records when it enters and leaves, and what it sees in between."""

    def __init__(self, name: str, book: list[str]) -> None:
        self._name = name
        self._book = book

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Record the block, and whether the job can be reached in it."""
        assert job.restarts == 0
        assert program.stages
        self._book.append(f"{self._name} enters")
        try:
            yield
        finally:
            self._book.append(f"{self._name} leaves")


class Watching(Guest):
    """A guest that is an observer too."""

    def __init__(self) -> None:
        super().__init__("watching", [])
        self.seen: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Record an event."""
        self.seen.append(event)


class Broken:
    """Fails as soon as it is to attend."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __repr__(self) -> str:
        return "Broken()"

    def attend(self, job: Job, program: Program) -> AbstractContextManager[None]:
        """Raise."""
        raise self._error


def session(host: str, attendants: Sequence[Attendant], *crashes: Crash) -> Session:
    learner = TRAINING.learner(host)
    prepared = PreparedTraining.of(learner.spec, TRAINING.dataset, epochs=2, batch_size=5, crashes=crashes)
    return Session(prepared, attendants=attendants)


@pytest.mark.parametrize("host", RUNTIMES)
def test_each_enters_and_leaves_once_in_the_order_of_blocks(host: str) -> None:
    book: list[str] = []
    training = session(host, [Guest("first", book), Guest("second", book)])
    undisturbed = Session(TRAINING.prepared).run()
    assert training.run().checkpoint.hashes == undisturbed.checkpoint.hashes
    assert book == ["first enters", "second enters", "second leaves", "first leaves"]


@pytest.mark.parametrize("host", RUNTIMES)
def test_one_that_observes_is_shown_all_events(host: str) -> None:
    guest = Watching()
    session(host, [guest]).run()
    assert sum(isinstance(event, PeerStarted) for event in guest.seen) == len(TRAINING.placement) + 1
    assert any(isinstance(event, Finished) for event in guest.seen)


@pytest.mark.parametrize("host", RUNTIMES)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("the port is taken"), r"^Broken\(\) does not start: OSError: the port is taken$"),
        (ConfigError("expected a port that is free"), "^expected a port that is free$"),
    ],
)
def test_one_that_does_not_start_leaves_no_actor_and_no_result(host: str, error: Exception, expected: str) -> None:
    book: list[str] = []
    training = session(host, [Guest("first", book), Broken(error)])
    with nothing_left(), pytest.raises(AnnexError, match=expected):
        training.run()
    assert training.result is None
    assert book == ["first enters", "first leaves"]


@pytest.mark.parametrize("host", ["inline", "threads"])
def test_they_leave_when_a_run_fails(host: str) -> None:
    book: list[str] = []
    training = session(host, [Guest("only", book)], Crash(layer=1, step=1, times=9))
    with pytest.raises(RunFailedError, match="layer 1"):
        training.run()
    assert training.result is not None
    assert book == ["only enters", "only leaves"]


def test_what_is_no_attendant_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected `attendants\[0\]` to be an attendant, with a method attend\(job"):
        session("inline", [object()])  # type: ignore[list-item]
