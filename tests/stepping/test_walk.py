"""A walk goes forwards and backwards through a run, kills what it likes, and ends with the undisturbed bits."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.runtimes import Crash, Supervision
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.stepping.point import Point
from annex_actors.stepping.saved import fingerprint
from annex_actors.stepping.walk import Walk, Wanted
from annex_actors.training.preparation import PreparedTraining
from tests.trainings import Training, fingerprints, undisturbed

SMALL = Training(epochs=1, size=4, batch_size=2)
TRAINING = Training(microbatches=3)


def walk(training: Training = SMALL, seed: int = 0) -> Walk:
    return Walk(training.prepared, seed=seed)


def points(taken: Walk, moves: int) -> list[Point]:
    """Return the point where a walk is, and those after so many moves, forwards."""
    found = [taken.point()]
    for _ in range(moves):
        taken.forward()
        found.append(taken.point())
    return found


def test_forwards_without_a_choice_is_the_undisturbed_run() -> None:
    taken = walk(TRAINING)
    taken.to_end()
    assert taken.point().state == "finished"
    assert fingerprints(taken.checkpoint()) == undisturbed(TRAINING).fingerprints
    assert taken.point().weights_sha256 == undisturbed(TRAINING).fingerprints[0]


def test_each_point_is_the_same_forwards_backwards_and_forwards_again() -> None:
    taken = walk()
    taken.find(Wanted(kind="backward"))
    taken.crash(1)
    taken.crash(0)
    forwards = [fingerprint(each) for each in points(taken, 40)]
    first = taken.number - len(forwards) + 1
    for number in range(taken.number, first - 1, -1):
        assert taken.number == number
        assert fingerprint(taken.point()) == forwards[number - first], number
        taken.back()
    again = Walk(SMALL.prepared, taken.moves)
    again.to(first)
    for number, expected in enumerate(forwards, first):
        shown = again.point()
        assert (shown.number, fingerprint(shown)) == (number, expected)
        again.forward()


def test_what_was_gone_back_over_is_made_again_until_another_move_takes_its_place() -> None:
    taken = walk()
    taken.find(Wanted(kind="forward", layer=1))
    taken.crash(1)
    moves = list(taken.moves)
    taken.back(3)
    assert (taken.point().number, taken.point().length) == (len(moves) - 3, len(moves))
    taken.forward(3)
    assert taken.moves == moves
    assert taken.point().peer("stage-1").incarnation == 2
    taken.back(1)
    taken.crash(0)
    assert [str(each) for each in taken.moves] == [*map(str, moves[:-1]), "crash stage-0"]
    assert taken.point().peer("stage-1").incarnation == 1
    taken.back(1000)
    assert taken.number == 0
    assert taken.point().done is None


def test_a_death_is_seen_and_so_is_the_recovery() -> None:
    taken = walk()
    taken.find(Wanted(kind="backward", layer=1))
    before = taken.point().peer("stage-1")
    taken.crash(1)
    dead = taken.point()
    assert dead.done is not None
    assert [event.partition(":")[0] for event in dead.done.events] == [
        "layer 1 relu has ended",
        "layer 1 relu is up, incarnation 2",
    ]
    assert {deed.text for deed in dead.done.deeds} >= {"resume step 0 to stage-0", "resume step 0 to stage-2"}
    assert (before.incarnation, dead.peer("stage-1").incarnation) == (1, 2)
    assert before.saved
    assert dead.peer("stage-1").saved == ()
    assert dead.peer("stage-1").mailbox == ()
    taken.find(Wanted(kind="forward", layer=1))
    again = taken.point().peer("stage-1").saved
    assert [(each.step, each.microbatch, each.of) for each in again] == [(0, 0, "activations")]
    taken.to_end()
    assert fingerprints(taken.checkpoint()) == undisturbed(SMALL).fingerprints


def test_a_peer_dies_after_some_of_its_effects_and_what_it_committed_stays() -> None:
    taken = walk()
    taken.find(Wanted(layer=0, kind="weight gradient"))
    whole = taken.point()
    assert whole.done is not None
    verbs = [deed.verb for deed in whole.done.deeds]
    assert verbs[0] == "committed"
    for after in range(len(verbs) + 2):
        taken.back()
        taken.crash(0, dies_after=after)
        shown = taken.point()
        assert shown.done is not None
        died, started = shown.done.events
        assert died.startswith("layer 0 ")
        assert started.endswith("incarnation 2")
        assert [deed.verb for deed in shown.done.deeds][: min(after, len(verbs))] == verbs[:after]
        assert shown.peer("stage-0").committed == (1 if after else 0), after
        number = taken.number
        taken.to_end()
        assert fingerprints(taken.checkpoint()) == undisturbed(SMALL).fingerprints
        taken.to(number)


@settings(deadline=None, print_blob=True, max_examples=12)
@given(seed=st.integers(0, 2**32), schedule=st.sampled_from(sorted(DISCIPLINES)))
def test_any_legal_moves_deaths_and_ways_back_give_the_same_bits(seed: int, schedule: str) -> None:
    training, random = replace(TRAINING, schedule=schedule), Random(seed)
    taken = Walk(training.prepared, seed=seed)
    seen: dict[int, str] = {}
    for _ in range(random.randrange(1, 25)):
        match random.randrange(6):
            case 0:
                taken.crash(random.randrange(len(training.network.layers) + 1))
            case 1:
                taken.back(random.randrange(1, 20))
            case 2:
                taken.forward(random.randrange(1, 40))
            case _:
                taken.at_random(random.randrange(1, 60))
        seen = {number: each for number, each in seen.items() if number < taken.number}
        seen[taken.number] = fingerprint(taken.point())
        if taken.is_over:
            break
    for number, expected in seen.items():
        taken.to(number)
        assert fingerprint(taken.point()) == expected, f"at move {number}"
    taken.at_random(40)
    taken.to_end()
    assert fingerprints(taken.checkpoint()) == undisturbed(training).fingerprints


def test_moves_by_chance_are_those_of_the_seed() -> None:
    taken, same, other = walk(seed=3), walk(seed=3), walk(seed=4)
    for each in (taken, same, other):
        each.at_random(60)
    assert taken.moves == same.moves
    assert taken.moves != other.moves


def test_a_message_is_found_forwards_and_backwards_by_layer_step_and_kind() -> None:
    taken = walk()
    taken.find(Wanted(step=1, kind="backward", layer=2))
    first = taken.point()
    assert first.done is not None
    assert first.done.letter is not None
    assert (first.done.peer, first.done.letter.kind, first.done.letter.step) == ("stage-2", "backward", 1)
    taken.find(Wanted(kind="weight gradient"))
    taken.find_back(Wanted(kind="backward", layer=2))
    last = taken.point().done
    assert last is not None
    assert last.letter is not None
    assert (last.peer, last.letter.kind, last.letter.step) == ("stage-2", "backward", 1)
    taken.find_back(Wanted(step=0))
    done = taken.point().done
    assert done is not None
    assert done.letter is not None
    assert done.letter.step == 0


def test_a_message_that_never_comes_leaves_the_walk_where_it_was() -> None:
    taken = walk()
    taken.forward(7)
    seen, moves = fingerprint(taken.point()), list(taken.moves)
    with pytest.raises(ConfigError, match="expected a message of step 99 to come, but none does until the end"):
        taken.find(Wanted(step=99))
    with pytest.raises(ConfigError, match="expected a message of kind backward before this point"):
        taken.find_back(Wanted(kind="backward"))
    with pytest.raises(ConfigError, match="expected a layer from 0 to 4, the cost, got 9"):
        taken.find(Wanted(layer=9))
    assert (fingerprint(taken.point()), taken.moves) == (seen, moves)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("deliver stage-0 stage-3", "expected a message from stage-0 to stage-3, but none is on its way"),
        ("work stage-1", "expected stage-1 to have work, but it waits for the activation of step 0 microbatch 0"),
        ("work stage-0 take F9.0", "expected F9.0 in the mailbox of stage-0, but it is not there"),
        ("crash stage-9", "expected a peer to be among .*, got 'stage-9'"),
        ("work stage-0 take X1", "expected a piece of work such as F0.1, B3.0 or W3, got 'X1'"),
        ("work stage-0 dies soon", "expected the number of effects .*, got 'soon'"),
        ("jump", "expected a move such as .*, got 'jump'"),
        ("", "expected a move such as"),
    ],
)
def test_a_move_that_is_not_possible_says_why(move: str, expected: str) -> None:
    taken = walk()
    taken.find(Wanted(kind="forward", layer=0))
    taken.forward(3)
    while taken.point().peer("stage-1").mailbox:
        taken.make(f"work {'stage-1'}")
    before = fingerprint(taken.point())
    with pytest.raises(ConfigError, match=expected):
        taken.make(move)
    assert fingerprint(taken.point()) == before


def test_another_schedule_begins_again_and_gives_the_same_bits() -> None:
    taken = walk()
    taken.forward(50)
    other = taken.with_schedule("gpipe")
    assert (other.number, other.moves, other.point().schedule) == (0, [], "gpipe")
    assert taken.number == 50
    other.to_end()
    assert fingerprints(other.checkpoint()) == undisturbed(SMALL).fingerprints
    with pytest.raises(ConfigError, match="expected `schedule` to be one of"):
        taken.with_schedule("nonsense")


def test_a_run_that_fails_says_why_and_can_be_gone_back_in() -> None:
    prepared = SMALL.prepared
    spec = replace(prepared.spec, supervision=Supervision(max_restarts=1, max_seconds=100))
    taken = Walk(replace(prepared, spec=spec))
    taken.find(Wanted(kind="forward"))
    taken.crash(1)
    assert taken.point().state == "goes on"
    taken.crash(2)
    failed = taken.point()
    assert failed.state == "failed"
    assert failed.failure is not None
    assert "layer 2" in failed.failure
    assert "more than the allowed 1 restart" in failed.failure
    assert failed.choices == ()
    with pytest.raises(ConfigError, match="it is over here; go back"):
        taken.crash(0)
    taken.forward()
    assert taken.number == failed.number
    taken.back()
    taken.to_end()
    assert taken.point().failure == failed.failure, "the move that was gone back over is made again"
    taken.back()
    taken.make("crash trainer")
    taken.to_end()
    assert fingerprints(taken.checkpoint()) == undisturbed(SMALL).fingerprints


def test_a_schedule_that_stands_still_is_a_failure_that_names_what_is_waited_for() -> None:
    stuck = Discipline("stuck", "never allows W", (B, F, W), lambda s, S, m: m, gate=lambda work, at: work is not W)
    prepared = SMALL.prepared
    taken = Walk(replace(prepared, spec=replace(prepared.spec, schedule=stuck)))
    taken.to_end()
    shown = taken.point()
    assert shown.state == "failed"
    assert shown.failure is not None
    assert "layer 0" in shown.failure
    assert "wait for schedule stuck to allow weight gradient of step 0" in shown.failure
    held = [each for each in shown.peer("stage-0").mailbox if each.letter.piece == "W0"]
    assert [each.verdict for each in held] == ["held"]
    assert "stuck keeps its gate shut: of 2 microbatches F 2, B 2, W 0 are done" in held[0].why


@pytest.mark.parametrize(
    ("training", "stages"),
    [
        (TRAINING, "2x2,3x3"),
        (TRAINING, "2,3"),
        (replace(TRAINING, in_files=True), "layer"),
        (replace(TRAINING, clipping="global_norm:0.1"), "layer"),
        (replace(TRAINING, clipping="global_norm:0.1"), "1,2x2,2"),
    ],
    ids=["replicas", "shared", "in files", "clipped", "clipped replicas"],
)
def test_whatever_the_run_has_any_legal_moves_give_its_bits(training: Training, stages: str) -> None:
    spec = training.learner(stages=stages).spec
    prepared = PreparedTraining.of(spec, training.dataset, epochs=training.epochs, batch_size=training.batch_size)
    expected = Walk(prepared)
    expected.to_end()
    assert expected.point().state == "finished"
    if stages != "2,3":
        assert fingerprints(expected.checkpoint()) == undisturbed(training).fingerprints
    for seed in range(3):
        taken = Walk(prepared, seed=seed)
        for peer in taken.addresses:
            taken.at_random(30)
            shown = taken.point()
            assert all(waiting.why for each in shown.peers for waiting in each.mailbox)
            taken.crash(peer)
        taken.at_random(30)
        taken.to_end()
        assert fingerprints(taken.checkpoint()) == fingerprints(expected.checkpoint())


def test_a_layer_that_fails_again_and_again_ends_the_run_and_is_named() -> None:
    prepared = SMALL.prepared
    crash = Crash(layer=1, step=0, microbatch=1, at="forward", times=3)
    taken = Walk(replace(prepared, crashes=(crash,)))
    taken.to_end()
    shown = taken.point()
    assert shown.state == "failed"
    assert shown.failure is not None
    assert shown.failure.startswith("layer 1 (relu) failed in forward at step 0 microbatch 1")
    assert shown.peer("stage-1").incarnation == 3
    number = shown.number
    taken.back(5)
    taken.forward(5)
    assert taken.number == number
    assert fingerprint(taken.point()) == fingerprint(shown)
