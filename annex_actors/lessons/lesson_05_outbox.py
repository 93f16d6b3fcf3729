"""Lesson 5: why a protocol without an outbox in the commit deadlocks, in some of many runs, and the cure."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from annex_actors.base.words import counted
from annex_actors.lessons.lesson_05_runs import (
    CHECKED,
    KILLS,
    RUNS,
    STEPS,
    carried_out,
    runs_with,
    stages,
    undisturbed,
    without_outbox,
)
from annex_actors.lessons.small_runs import sentence
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.protocol.messages import Backward, Post, freeze
from annex_actors.protocol.retention import Retention
from annex_actors.protocol.routing import stage_address
from annex_actors.stores import MemoryStore

FIRST, COMMITTED, LAST = 2, 4, 6


def _posts(steps: range) -> list[Post]:
    array = freeze(np.zeros((1, 1), np.float32))
    return [Post(stage_address(1), Backward("lesson", step, 0, 2, array)) for step in steps]


def _kept() -> Seen:
    retention = Retention()
    posts = _posts(range(FIRST, LAST))
    for post in posts:
        retention.keep(post.to, post.message)
    retention.drop(stage_address(1), COMMITTED)
    left = [post.message.step for post in retention.below(LAST)]
    dropped = len(posts) - len(left)
    lines = [f"kept:    the messages of steps {[post.message.step for post in posts]}", f"needed:  {left}"]
    return Seen(lines, {"dropped": dropped, "one_more": dropped + 1, "all": len(posts), "nothing": 0})


def _one_standstill() -> Seen:
    stuck = next(run for run in without_outbox() if run.standstill)
    return Seen(sentence(f"run {stuck.seed}: {stuck.standstill}"))


def _count() -> Seen:
    runs = without_outbox()
    stuck = [run for run in runs if run.standstill]
    kills = sum(run.kills for run in runs)
    lines = [
        f"runs: {len(runs)}, with {counted(kills, 'kill')} in all",
        f"stood still: {len(stuck)}, in runs {', '.join(str(run.seed) for run in stuck)}",
    ]
    return Seen(sentence(lines[0]) + sentence(lines[1]), {"stuck": len(stuck), "none": 0, "runs": len(runs)})


def _cured() -> Seen:
    weights = undisturbed()
    runs = [carried_out(seed, MemoryStore(stages())) for seed in range(RUNS)]
    same = sum(run.weights == weights for run in runs)
    lines = [
        f"undisturbed: weights {weights[:32]}",
        f"with {counted(sum(run.kills for run in runs), 'kill')} in {counted(len(runs), 'run')}: {same} with these",
    ]
    finishing = sum(not run.standstill for run in without_outbox())
    return Seen(lines, {"same": same, "before": finishing, "none": 0, "stuck": len(runs) - finishing})


SOLUTION = '''\
"""Lesson 5: the outbox, the messages of a layer that no receiver has
acknowledged yet."""


class Outbox:
    """What a layer has sent. A post has a receiver, ``post.to``, and a step,
    ``post.message.step``."""

    def __init__(self, posts):
        """Begin with the posts of the layer's last commit, a tuple: this is a
        new incarnation."""
        self.posts = list(posts)

    def keep(self, post):
        """Keep a post, which is being sent."""
        self.posts.append(post)

    def drop(self, receiver, step):
        """Forget the posts to ``receiver`` of steps below ``step``: it has
        committed these steps."""
        self.posts = [post for post in self.posts if post.to != receiver or post.message.step >= step]

    def below(self, step):
        """Return the posts of steps below ``step`` that are left: what a
        commit at ``step`` must hold."""
        return [post for post in self.posts if post.message.step < step]
'''


def _outcome(made: ModuleType) -> Iterator[Found]:
    first, second = _posts(range(FIRST, LAST)), stage_address(3)
    outbox = made.Outbox((Post(second, first[0].message),))
    for post in first:
        outbox.keep(post)
    yield Found(f"below({LAST}) of posts that were kept, and of one from the last commit", _told(outbox.below(LAST)))
    yield Found(f"below({COMMITTED}) of the same", _told(outbox.below(COMMITTED)))
    outbox.drop(stage_address(1), COMMITTED)
    yield Found(f"below({LAST}) after stage-1 has committed the steps below {COMMITTED}", _told(outbox.below(LAST)))
    yield from runs_with(made)


def _told(posts: Any) -> str | None:
    """Return posts as text, in an order of their own: it does not matter in which order a commit holds them."""
    if posts is None:
        return None
    return ", ".join(sorted(f"step {post.message.step} to {post.to}" for post in posts)) or "none"


LESSON = Lesson(
    5,
    "Why a protocol without an outbox deadlocks",
    (
        "Say for how long a sender has to keep a message.",
        "Find the gap between a commit and a send, by many simulated runs.",
        "Write the outbox that closes it.",
    ),
    (
        Text(
            """
            A layer that is started again needs messages once more: all that came since its last commit. So each layer
            keeps what it has sent. That is called upstream backup: the copy is not with the layer that may lose it,
            but with the one that sent it.
            """
        ),
        Question(
            "dropped",
            f"""
            Layer 2 keeps the messages that it sent to layer 1 in steps {FIRST} to {LAST - 1}, one for each step. Now it
            hears that layer 1 has committed all steps below {COMMITTED}. How many of these messages may it forget?
            """,
            _kept,
            "dropped",
            "What a receiver has committed it will never ask for again. Each message travels in an envelope, which "
            "says how far its sender has committed; so this news costs no message of its own.",
            (
                Wrong("one_more", "Below the step, without it: that step itself is not committed yet."),
                Wrong("all", "Of later steps layer 1 may die before it has committed them, and ask again."),
                Wrong("nothing", "Then memory would grow for as long as the training lasts."),
            ),
        ),
        Text(
            """
            What if the sender dies, too? What it kept is gone with its memory. No matter, one might say: it begins at
            its last commit, does the same work again, and sends the same messages again.

            That is nearly right. Look for the gap: a layer sends a gradient of step t, then commits step t, then dies.
            Its next incarnation begins with step t + 1. Nothing will ever make the gradient of step t again. If the
            layer before it has not received it by then, or has died as well, it waits for ever.

            This is how the first protocol of this product was, on paper. We train with it: commits hold the weights,
            and nothing of what was kept.
            """,
            minutes=2,
        ),
        Run(
            f"""
            {RUNS} trainings of {STEPS} steps. Chance chooses what happens next; and at each event the actor at work is
            killed with a probability of {KILLS:.0%}. Each run has a number, from which chance follows, so it can be
            repeated. Here is the first one that did not end.
            """,
            _one_standstill,
            "Nothing has failed, and nothing can ever happen: a deadlock. On one machine the host sees all mailboxes, "
            "and says so. A program that only waited would say nothing.",
        ),
        Question(
            "stuck",
            f"""
            In how many of the {RUNS} trainings did it happen? A guess within a quarter of the right number counts.
            """,
            _count,
            "stuck",
            "The gap is small, but with enough kills something falls into it. A test with one kill would most often "
            "have passed; so protocols are tested with thousands, and each run can be repeated by its number.",
            (
                Wrong("none", "You saw one in the last step."),
                Wrong("runs", "A kill has to strike just behind a commit, before the neighbour has the message."),
            ),
            within=0.25,
        ),
        Code(
            "outbox",
            f"""
            The cure: a commit also holds the messages of committed steps that no receiver has acknowledged yet, the
            outbox. Weights and outbox are written at once, so there is no instant between them. Write the outbox: four
            methods of one or two lines. Then it is used in {CHECKED} of the trainings above.
            """,
            ("Outbox.__init__", "Outbox.keep", "Outbox.drop", "Outbox.below"),
            SOLUTION,
            _outcome,
            "A list of posts is enough; drop and below choose from it by post.to and post.message.step.",
            "No run stands still any more, and each ends with the same bits. The product's is in "
            "annex_actors/protocol/retention.py.",
            (
                WrongCode(
                    "self.posts = list(posts)",
                    "self.posts = []",
                    "A layer that dies twice in a row would lose what its first incarnation had kept.",
                ),
                WrongCode(
                    "post.to != receiver or post.message.step >= step",
                    "post.message.step >= step",
                    "One receiver has committed these steps; another one may still need its messages.",
                ),
                WrongCode(
                    "post.to != receiver or post.message.step >= step",
                    "post.to != receiver or post.message.step > step",
                    "That forgets the messages of a step that the receiver has not committed: below means without it.",
                ),
                WrongCode(
                    "if post.message.step < step]",
                    "if post.message.step <= step]",
                    "Messages of an unfinished step need not be in the commit: the next incarnation sends them again.",
                ),
                WrongCode(
                    "return [post for post in self.posts if post.message.step < step]",
                    "return []",
                    "That is a commit without an outbox, which stands still in some of the runs.",
                ),
            ),
        ),
        Question(
            "same",
            f"""
            With outboxes, the same {RUNS} trainings once more, with kills. How many end with the bits of the training
            without kills?
            """,
            _cured,
            "same",
            "All: none stands still, and none has lost a message or worked on one twice.",
            (
                Wrong("before", "So many ended without the outbox. What stood still then ends now."),
                Wrong("stuck", "Those are the ones that stood still before; the others are right, too."),
                Wrong("none", "Kills change what is repeated, and not what comes out of it."),
            ),
        ),
        Text(
            """
            You have closed a gap that no test of single crashes shows. The rule behind it: what others may still need
            from you belongs into your commit.

            With this the first half of the course ends: actors, messages, supervision, recovery. The second half is
            about speed and placement.
            """
        ),
    ),
)
