"""What is wrong with an actor, from what was seen of it twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.control.checkup import Seen, checkups
from annex_actors.control.findings import Verdict
from annex_actors.control.samples import Answer, Sample
from annex_actors.control.status import ActorExit
from annex_actors.runtimes.hosting.probed import Probed

T = 100.0
ANSWER = Answer(Probed(2, ("/usr/lib/python3.11/threading.py:1 in run", "/home/me/layer.py:12 in forward"), 1.0), 0.003)
WELL = Seen(
    "stage-1",
    "layer 1 relu",
    Sample(T, incarnations=1, is_up=True, handled=100, busy_s=0.1, longest_s=0.002),
    Sample(T + 1, incarnations=1, is_up=True, handled=200, busy_s=0.2, longest_s=0.002),
    (ANSWER, ANSWER),
    allowed=50,
)


def at_work(sample: Sample) -> Sample:
    return replace(sample, began=T - 5, place="forward at step 7 microbatch 2")


HANGING = replace(WELL, before=at_work(WELL.before), after=at_work(WELL.after))


def verdict_on(seen: Seen) -> tuple[Verdict, str]:
    [found] = checkups([seen], [seen.id])
    return found.verdict, found.text


def spinning(cpu_s: float) -> Answer:
    return replace(ANSWER, probed=replace(ANSWER.probed, cpu_s=cpu_s))


def test_an_actor_that_works_is_fine() -> None:
    [found] = checkups([WELL], ["stage-1"])
    assert (found.verdict, found.text, found.stack, found.mailbox) == ("fine", "", (), 2)
    assert found.answer_ms == pytest.approx(3.0)


@pytest.mark.parametrize(("cpu_s", "how"), [(1.9, "spins"), (1.05, "blocks")])
def test_one_that_does_not_come_back_hangs_and_its_line_is_named(cpu_s: float, how: str) -> None:
    verdict, text = verdict_on(replace(HANGING, answers=(ANSWER, spinning(cpu_s))))
    assert verdict == "hangs"
    assert text == (
        "in forward at step 7 microbatch 2 for 6.0 s, its longest before took 2 ms; "
        f"it {how} at /home/me/layer.py:12 in forward"
    )


def test_a_long_piece_of_work_is_no_hang_where_such_are_usual() -> None:
    usual = replace(HANGING, after=replace(HANGING.after, longest_s=0.5))
    assert verdict_on(usual) == ("fine", "")


def test_a_piece_that_began_after_the_first_look_is_no_hang() -> None:
    assert verdict_on(replace(HANGING, before=WELL.before)) == ("fine", "")


@pytest.mark.parametrize("stopped", [True, False])
def test_one_whose_host_says_nothing_does_not_answer_whatever_it_is_at(stopped: bool) -> None:
    after = replace(HANGING.after, pid=4711)
    verdict, text = verdict_on(replace(HANGING, after=after, answers=(None, None), stopped=stopped))
    assert verdict == "does not answer"
    assert text.startswith("process 4711 ")
    assert ("kill -CONT 4711" in text) == stopped


def test_one_on_another_node_is_looked_for_there() -> None:
    after = replace(WELL.after, node="left")
    assert verdict_on(replace(WELL, after=after, answers=(None, None)))[1].startswith("its process on node left does ")


def test_one_that_answers_late_answers() -> None:
    assert verdict_on(replace(WELL, answers=(ANSWER, None)))[0] == "fine"


def test_a_mailbox_is_full_if_far_more_waits_than_the_schedule_needs_at_both_looks() -> None:
    full = replace(ANSWER, probed=Probed(5000))
    assert verdict_on(replace(WELL, answers=(full, full))) == (
        "mailbox full",
        "5,000 messages wait, its schedule needs at most 50",
    )
    assert verdict_on(replace(WELL, answers=(full, ANSWER)))[0] == "fine"
    assert verdict_on(replace(WELL, answers=(full, full), allowed=None))[0] == "fine"


def test_one_that_ends_again_and_again_is_restarting() -> None:
    exits = tuple(ActorExit(time=T - 8 + number, incarnation=number, reason="ValueError: no") for number in range(3))
    assert verdict_on(replace(WELL, exits=exits)) == ("restarting", "ended 3 times in 10 s, at last: ValueError: no")
    assert verdict_on(replace(WELL, exits=exits[:2]))[0] == "fine"
    down = replace(WELL, before=replace(WELL.before, is_up=False), after=replace(WELL.after, is_up=False))
    assert verdict_on(down) == ("restarting", "is not up")


def layers(*pieces_s: float) -> list[Seen]:
    """Return layers of which each has finished ten pieces of work of this length since the first look."""
    return [
        replace(WELL, id=f"stage-{number}", after=replace(WELL.after, handled=110, busy_s=0.1 + 10 * seconds))
        for number, seconds in enumerate(pieces_s)
    ]


def verdicts_on(seen: list[Seen]) -> list[Verdict]:
    return [each.verdict for each in checkups(seen, [layer.id for layer in seen])]


def test_a_layer_that_takes_far_longer_than_its_neighbours_and_the_median_is_slow() -> None:
    seen = layers(0.001, 0.1, 0.002, 0.001)
    assert verdicts_on(seen) == ["fine", "slow", "fine", "fine"]
    found = checkups(seen, [layer.id for layer in seen])[1]
    assert found.text == "works, but takes 100 ms for a piece of work, the median of the others is 1 ms"


@pytest.mark.parametrize(
    "pieces_s",
    [
        (0.001, 0.005, 0.001),  # short in any case
        (0.1, 0.1, 0.1),  # all alike
        (0.1, 0.03, 0.001, 0.001, 0.001),  # a neighbour takes nearly as long
        (0.1,),  # nothing to compare with
    ],
)
def test_no_layer_is_slow_that_does_not_stand_out(pieces_s: tuple[float, ...]) -> None:
    assert set(verdicts_on(layers(*pieces_s))) == {"fine"}


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12))
def test_at_most_half_of_the_layers_are_slow(pieces_s: list[float]) -> None:
    verdicts = verdicts_on(layers(*pieces_s))
    assert 2 * verdicts.count("slow") <= len(verdicts)
    assert set(verdicts) <= {"fine", "slow"}
