"""What is shown at each point of a walk equals what the peers hold there, found in another way."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from annex_actors.peers.stage import Stage
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.trainer import Trainer
from annex_actors.protocol.messages import Message, WithArray
from annex_actors.protocol.node import Node
from annex_actors.runtimes.stepped import SteppedJob
from annex_actors.stepping.point import Letter, Numbers, PeerPoint, Point
from annex_actors.stepping.walk import Walk, Wanted
from tests.trainings import Training

TRAINING = Training(epochs=1, size=6, batch_size=3, microbatches=3)
"""Two steps of three microbatches."""


def check_array(shown: Numbers, array: np.ndarray[Any, Any]) -> None:
    assert shown.shape == array.shape
    assert shown.dtype == array.dtype.name
    assert hashlib.sha256(array.tobytes()).hexdigest().startswith(shown.hash)
    assert len(shown.hash) == 8
    assert shown.first == tuple(array.reshape(-1)[:4].tolist())
    assert math.isclose(shown.norm, math.sqrt(math.fsum(float(each) ** 2 for each in array.flat)), rel_tol=1e-9)


def check_letter(shown: Letter, message: Message) -> None:
    assert (shown.kind, shown.step) == (message.kind, message.step)
    assert (-1 if shown.microbatch is None else shown.microbatch) == message.microbatch
    arrays = message.stack if isinstance(message, WithArray) else ()
    for each, array in zip(shown.arrays, arrays, strict=True):
        check_array(each, array)


def check_letters(shown: list[Letter], messages: list[Message]) -> None:
    def key(each: Letter | Message) -> tuple[int, int, str]:
        return each.step, -1 if each.microbatch is None else each.microbatch, each.kind

    for letter, message in zip(sorted(shown, key=key), sorted(messages, key=key), strict=True):
        check_letter(letter, message)


def held_by(node: Node) -> Iterator[Message]:
    """Yield what is in a node's mailboxes, from the containers themselves."""
    yield from (message for _, message in node.control)
    for value in vars(node.mailbox).values():
        container = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list) or type(value).__name__ == "deque":
            yield from (each for each in container if isinstance(each, Message))


def check_stage(shown: PeerPoint, stage: Stage, mailbox: StageMailbox) -> None:
    assert shown.limits is not None
    assert (shown.limits.in_flight, shown.limits.deferred) == (mailbox.in_flight, mailbox.deferred)
    steps = mailbox.progress.steps
    own = steps[max(steps)].own if steps else None
    row = mailbox.discipline
    assert shown.limits.credit == (None if own is None else row.credit(mailbox.stage, mailbox.stages, own))
    assert [each.number for each in shown.versions][-1] == stage.versions.step
    for version, weights in zip(shown.versions, stage.versions.kept, strict=True):
        arrays = [array for layer in weights for array in layer.values()]
        for each, array in zip(version.arrays, arrays, strict=True):
            check_array(each, array)
    kept = {
        (step, microbatch, of)
        for step, work in stage.steps.items()
        for microbatch, each in work.microbatches.items()
        for of, what in (("activations", each.saved), ("factors", each.factors))
        if what
    }
    assert {(each.step, each.microbatch, each.of) for each in shown.saved} == kept
    for saved in shown.saved:
        work = stage.steps[saved.step].microbatches[saved.microbatch]
        if saved.of == "factors":
            arrays = [array for factors in work.factors.values() for array in factors]
            for numbers, array in zip(saved.arrays, arrays, strict=True):
                check_array(numbers, array)
        else:
            assert saved.version is not None
            assert stage.versions.kept[saved.version - stage.versions.step - 1] is work.weights


def check(walk: Walk, point: Point) -> None:
    """Check every peer and channel of a point."""
    for shown in point.peers:
        node = walk.node(shown.address)
        assert (shown.incarnation, shown.committed, shown.finished) == (node.incarnation, node.committed, node.finished)
        check_letters([each.letter for each in shown.mailbox], list(held_by(node)))
        assert len(shown.mailbox) == node.waiting
        check_letters([each.letter for each in shown.outbox], [each.message for each in node.retention.posts])
        assert [each.verdict for each in shown.mailbox].count("next") == (node.urgency() is not None)
        assert (shown.waits_for is None) == (node.urgency() is not None or node.waits_for() is None or walk.is_over)
        if isinstance(node.behaviour, Stage):
            assert isinstance(node.mailbox, StageMailbox)
            check_stage(shown, node.behaviour, node.mailbox)
        elif isinstance(node.behaviour, Trainer):
            assert shown.fed == node.behaviour.steps.fed
    job = walk._job  # what is on its way belongs to no peer
    assert isinstance(job, SteppedJob)
    assert [(each.sender, each.to) for each in point.channels] == [tuple(map(str, each)) for each in job.channels]
    for channel, envelopes in zip(point.channels, job.channels.values(), strict=True):
        assert [each[:2] for each in channel.letters] == [(each.incarnation, each.committed) for each in envelopes]
        check_letters([each[2] for each in channel.letters], [each.message for each in envelopes])


@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zb-h1", "pipedream"])
def test_every_point_through_a_microbatch_a_crash_and_a_recovery_shows_what_the_peers_hold(schedule: str) -> None:
    walk = Walk(replace(TRAINING, schedule=schedule).prepared)

    def to(wanted: Wanted) -> None:
        """Go forward to a message, and check every point on the way."""
        begin = walk.number
        walk.find(wanted)
        end = walk.number
        walk.to(begin)
        while walk.number < end:
            walk.forward()
            check(walk, walk.point())

    check(walk, walk.point())
    to(Wanted(kind="backward", layer=0))
    walk.crash(1)
    check(walk, walk.point())
    to(Wanted(kind="weight gradient", layer=0))
    walk.crash(3)
    to(Wanted(step=1, kind="forward", layer=3))
    for _ in range(12):
        walk.back()
        check(walk, walk.point())


@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zb-h1", "interleaved", "no-stash"])
def test_what_is_next_is_handled_what_is_allowed_can_be_and_what_is_held_cannot(schedule: str) -> None:
    walk = Walk(replace(TRAINING, schedule=schedule).prepared, seed=5)
    walk.find(Wanted(kind="forward"))
    verdicts = set()
    while walk.number < 110:
        walk.at_random(5)
        point = walk.point()
        mailboxes = [each for peer in point.peers for each in peer.mailbox]
        verdicts |= {each.verdict for each in mailboxes}
        assert {each.move for each in point.choices} == {
            *(each.move for each in mailboxes if each.move is not None),
            *(each.move for each in point.channels),
        }
        for waiting in mailboxes:
            assert waiting.why
            assert (waiting.move is None) == (waiting.verdict == "held")
            if waiting.move is None:
                continue
            walk.make(waiting.move)
            done = walk.point().done
            assert done is not None
            assert done.letter is not None
            assert (done.letter.kind, done.letter.arrays) == (waiting.letter.kind, waiting.letter.arrays)
            walk.back()
    assert verdicts >= {"next", "held"}
