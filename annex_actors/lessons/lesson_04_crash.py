"""Lesson 4: crash a layer; what is lost without a supervisor, and why nothing is lost with one."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from annex_actors.lessons.lesson_04_runs import (
    LAYER,
    MICROBATCHES,
    STEP,
    STEPS,
    STRATEGIES,
    alone,
    equal,
    one_for_one,
    recovered,
    repeated,
)
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Text, Wrong, WrongCode

STRATEGY = '''\
"""Lesson 4: the rules of restart."""


def to_restart(strategy, layers, failed):
    """Return a list of the layers that are started again, in the order of
    ``layers``.

    ``layers`` is a list of names, ``failed`` the one of them that has ended.
    With the strategy "one_for_one" it alone is started again; with
    "rest_for_one" so are all layers after it; with "one_for_all" all layers
    are.
    """
    if strategy == "one_for_one":
        return [failed]
    if strategy == "rest_for_one":
        return layers[layers.index(failed) :]
    return layers
'''


def _rules(made: ModuleType) -> Iterator[Found]:
    layers = ["layer 0", "layer 1", "layer 2", "the cost"]
    for strategy in STRATEGIES:
        for failed in layers:
            restarted = made.to_restart(strategy, list(layers), failed)
            text = None if restarted is None else ", ".join(map(str, restarted))
            yield Found(f"{strategy} after the end of {failed}", text)


RECOVERY = '''\
"""Lesson 4: what a supervisor does when it starts a layer again."""


def restart(commits, number, start):
    """Start the next incarnation of a layer, and return it.

    ``commits`` is a list of what the layer has committed, the oldest first: a
    commit at the end of each step, with its weights. It is empty where the
    layer has committed nothing yet. ``number`` is the number of the new
    incarnation. ``start(commit, number)`` makes an actor that begins at a
    commit; None: at the very beginning.
    """
    last = commits[-1] if commits else None
    return start(last, number)
'''


LESSON = Lesson(
    4,
    "Crash it: supervisors and equal hashes",
    (
        "Say what is lost when a layer dies without a supervisor.",
        "Write the three strategies of restart, and the restart of a layer from its last commit.",
        "Show that a crash changes no bit.",
    ),
    (
        Text(
            f"""
            Layers die: of a fault in a library, of too little memory, of a hand that pulls a cable. What was in the
            layer's memory is lost then. So each layer commits: at the end of each step it puts its weights into a
            store, which lives elsewhere.

            In this lesson the network for XOR trains {STEPS} steps of {MICROBATCHES} microbatches, all numbered from 0.
            Layer {LAYER} dies at step {STEP}, in the backward work on the last microbatch.
            """
        ),
        Question(
            "alone",
            """
            First there is nothing to restart it: the supervisor is allowed no restart. How many steps have all layers
            committed when the run ends?
            """,
            alone,
            "committed",
            "What was committed is safe. {left} steps are missing, and the other layers, which are well, end too: a "
            "chain without one of its links can do nothing.",
            (
                Wrong("steps", "The run cannot reach its end: no other layer can do the work of the dead one."),
                Wrong("nothing", "Memory is lost, but what was committed before is in the store."),
                Wrong("with_it", "The step in which it died was not finished, and so not committed."),
            ),
        ),
        Text(
            """
            A supervisor is an actor that does nothing but start others, hear when they end, and start them again. What
            starts is a new incarnation: the same layer, with the next number. Three strategies are usual. With
            one_for_one it starts the one that ended. With rest_for_one it also stops and starts all that were started
            after it; with one_for_all it stops and starts all.
            """
        ),
        Code(
            "strategies",
            """
            Write the three strategies as one function. It decides; it starts nothing. Four or five lines are enough.
            """,
            ("to_restart",),
            STRATEGY,
            _rules,
            "layers.index(failed) is the place of the failed layer; layers[place:] are all from there on.",
            "These are the decisions of the product's supervisors, in supervisors/rules/strategy.py.",
            (
                WrongCode(
                    "layers[layers.index(failed) :]",
                    "layers[layers.index(failed) + 1 :]",
                    "The rest begins with the layer that failed: without it, that one stays dead.",
                ),
                WrongCode(
                    "layers[layers.index(failed) :]",
                    "layers[: layers.index(failed) + 1]",
                    "Those were started before it. The rest are the layers after it, which may depend on it.",
                ),
                WrongCode(
                    "    return layers\n",
                    "    return [each for each in layers if each != failed]\n",
                    "All are started again, the failed one among them.",
                ),
            ),
            minutes=5,
        ),
        Question(
            "restarts",
            f"""
            Now the same crash with one_for_one. The actors are those of the layers, the cost and the trainer. How many
            restarts of actors does it take until step {STEPS - 1} is finished?
            """,
            one_for_one,
            "restarts",
            "The layer that died is started again, at its last commit. It asks its neighbours for the messages since.",
            (
                Wrong("stages", "one_for_all would restart so many. Here the other layers live, and need not."),
                Wrong("peers", "The others never stopped: they wait for the next message, as always."),
                Wrong("none", "The layer that died has to be started again."),
            ),
        ),
        Question(
            "again",
            f"""
            The new incarnation begins at the start of step {STEP}, since that is what it had committed. It died after
            its forward work on all {MICROBATCHES} microbatches of that step. How many pieces of forward work does layer
            {LAYER} do twice?
            """,
            repeated,
            "again",
            "Only what was not committed is repeated, and only by the layer that died: the others repeat {others}. "
            "They still had the messages that it needed.",
            (
                Wrong("one", "The step was not committed, so all of its microbatches are worked on again."),
                Wrong("all", "That would be from the beginning; but it begins at its last commit."),
            ),
        ),
        Code(
            "restart",
            """
            Write what the supervisor does when it starts a layer. Your function is used for each start in a training in
            which two layers crash; then the weights are compared with those of the product. Two lines are enough.
            """,
            ("restart",),
            RECOVERY,
            recovered,
            "The last element of a list is commits[-1]; an empty list has none, then the commit is None.",
            "Two layers died, and no bit differs.",
            (
                WrongCode(
                    "commits[-1] if commits else None",
                    "commits[0] if commits else None",
                    "That is the oldest commit. The layer has told its neighbours that it has committed more, so they "
                    "no longer have the messages that it would need.",
                ),
                WrongCode(
                    "commits[-1] if commits else None",
                    "None",
                    "So it begins with its initial weights, at a step that its neighbours have long forgotten.",
                ),
                WrongCode(
                    "start(last, number)",
                    "start(last, 1)",
                    "It would speak as the incarnation that is dead. Neighbours drop what that one says, since some "
                    "of its messages may still be on their way.",
                ),
            ),
            minutes=5,
        ),
        Question(
            "different",
            """
            Last, four trainings: one without a crash, and one with the crash for each of the three strategies. How many
            different weights do they end with, compared to the last bit?
            """,
            equal,
            "different",
            "Repeated work has the same inputs, and so the same bits. One crash or a hundred: a hash can prove that "
            "nothing was lost.",
            (
                Wrong("runs", "The strategies differ in what they repeat, not in what comes out of it."),
                Wrong("two", "A layer that begins at its last commit, with the same messages, makes the same bits."),
            ),
        ),
        Text(
            f"""
            In your own programs this is

                from annex_actors import Crash, Learner, Supervision
                learner = Learner(network, supervision=Supervision("one_for_one"))
                crash = Crash(layer={LAYER}, step={STEP}, at="backward")
                learner.train(data, crashes=[crash])

            But one thing was hidden: the neighbours still had the messages. For how long do they have to keep them?
            That is lesson 5.
            """
        ),
    ),
)
