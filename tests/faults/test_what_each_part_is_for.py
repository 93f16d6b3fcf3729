"""Each part of the recovery is needed: without it, some kill is not survived. So the other tests can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from annex_actors.base.errors import LostCommitError
from annex_actors.peers import stage as stage_module
from annex_actors.peers.prediction_feed import PredictionFeed
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.messages import Envelope, Forward, Message, Post
from annex_actors.protocol.node import Node
from annex_actors.protocol.retention import Retention
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import InlineRuntime
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from supervisors import Strategy
from tests.faults.plans import disturbed, killing
from tests.protocol.messages import committed, forward, resume
from tests.protocol.nodes import Script, node, sent, tell, work
from tests.trainings import Training, undisturbed

SMALL = Training(epochs=2, size=4, batch_size=2)
EVENTS = 480
"""More than an undisturbed run of `SMALL` has."""


def consequences(strategy: Strategy = Strategy.ONE_FOR_ONE, every: int = 1) -> Iterator[str]:
    """Yield the consequence of a kill at each event: ``the same``, ``different``, or the error."""
    for event in Random(0).sample(range(1, EVENTS, every), len(range(1, EVENTS, every))):
        try:
            outcome = disturbed(SMALL, killing({event}), strategy=strategy)
        except Exception as error:  # noqa: BLE001 - any error is a consequence
            yield f"{type(error).__name__}: {error}"
        else:
            yield "the same" if outcome.fingerprints == undisturbed(SMALL).fingerprints else "different"


def undisturbed_run_is_right() -> bool:
    """Return whether the run has the right result without a kill, though a part is missing."""
    return disturbed(SMALL, killing(set())).fingerprints == undisturbed(SMALL).fingerprints


def some_run_stands_still(strategy: Strategy = Strategy.ONE_FOR_ONE) -> bool:
    return undisturbed_run_is_right() and any("StandstillError" in each for each in consequences(strategy))


def some_kill_is_not_survived() -> bool:
    return undisturbed_run_is_right() and any(each != "the same" for each in consequences())


@pytest.mark.parametrize("strategy", Strategy)
def test_with_every_part_in_its_place_every_kill_is_survived(strategy: Strategy) -> None:
    assert set(consequences(strategy, every=20)) == {"the same"}


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_without_the_outbox_in_the_snapshot_some_run_stands_still(
    monkeypatch: pytest.MonkeyPatch, strategy: Strategy
) -> None:
    """A stage commits a step and is restarted together with a neighbour that still needs that step's gradient."""
    monkeypatch.setattr(Retention, "below", lambda *_: ())
    assert some_run_stands_still(strategy)


def test_without_the_answer_to_a_resumption_some_run_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retention, "since", lambda *_: [])
    assert some_run_stands_still()


def test_without_asking_again_for_predictions_some_run_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PredictionFeed, "send_again", lambda _: [])
    assert some_run_stands_still()


def test_without_the_order_of_effects_some_kill_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message cannot be taken back if it is sent before its commit."""
    perform = Node._perform
    monkeypatch.setattr(Node, "_perform", lambda self, requests: perform(self, requests)[::-1])
    assert some_kill_is_not_survived()


def test_without_dropping_what_was_seen_before_some_kill_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    class AcceptsAgain(StageMailbox):
        """Accepts every forward, also one that it has seen."""

        def put(self, message: Message) -> None:
            progress = self._progress
            if isinstance(message, Forward) and (message.step, message.microbatch) < progress.next_forward:
                progress.add_step(message)
                progress.next_forward = message.step, message.microbatch
                progress.steps[message.step].forwards = message.microbatch
            super().put(message)

    monkeypatch.setattr(stage_module, "StageMailbox", AcceptsAgain)
    assert some_kill_is_not_survived()


def test_without_dropping_what_is_committed_some_kill_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    class Trusting(StageMailbox):
        """Treats a forward of a committed step as one of the current step."""

        def put(self, message: Message) -> None:
            committed = self._progress.committed
            if message.step < committed and isinstance(message, Forward):
                message = replace(message, step=committed)
            super().put(message)

    monkeypatch.setattr(stage_module, "StageMailbox", Trusting)
    assert some_kill_is_not_survived()


def survives_a_late_commit() -> bool:
    """Return whether a message is still kept though the receiver's dead incarnation said that it had committed."""
    script = Script()
    peer = node(script)
    script.requests.append([Post(stage_address(2), forward(of=1, edge=2))])
    tell(peer, forward(of=1))
    work(peer)
    tell(peer, resume(0), sender=stage_address(2), incarnation=2)
    work(peer)
    tell(peer, committed(1), sender=stage_address(2), incarnation=1, committed=1)
    tell(peer, resume(0), sender=stage_address(2), incarnation=3)
    return (stage_address(2), "Forward 0") in sent(work(peer))


def test_without_fencing_a_dead_incarnation_makes_others_drop_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert survives_a_late_commit()
    receive = Node.receive

    def trusting(self: Node, envelope: Envelope) -> None:
        self._incarnations.clear()
        receive(self, envelope)

    monkeypatch.setattr(Node, "receive", trusting)
    with pytest.raises(LostCommitError, match="stage-2 had committed step 1, and is restarted at step 0"):
        survives_a_late_commit()  # what was dropped cannot be sent again


def test_without_a_second_commit_in_the_store_no_step_of_all_stages_can_be_gathered() -> None:
    """If the whole job is killed and one commit is kept, there may be no step that all stages have committed."""
    addresses = [spec.address for spec in SMALL.stage_specs()]
    shallow = [gathered(MemoryStore(addresses, depth=1), event) for event in range(1, EVENTS, 5)]
    assert not all(shallow)
    assert all(gathered(SMALL.store(), event) for event in range(1, EVENTS, 5))


def gathered(store: MemoryStore, event: int) -> bool:
    """Interrupt a run at ``event``; return whether its store has a step that all stages have committed."""

    def interrupt(now: int) -> bool:
        if now == event:
            raise KeyboardInterrupt
        return False

    program = SMALL.program(store=store)
    job = InlineRuntime(kill=interrupt).start(program)
    with suppress(KeyboardInterrupt):
        job.wait()
    try:
        Checkpoint.gather(store, [spec.address for spec in program.stages], SMALL.initial)
    except RuntimeError:
        return False
    return True
