"""Moves as words, and walks that are saved: what is wrong is said, and what is right is repeated to the last number."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.stepping.lines import lines_of
from annex_actors.stepping.moves import Piece, parse_move
from annex_actors.stepping.point import Point
from annex_actors.stepping.saved import SavedWalk, as_json, fingerprint, read_walk, repeat, saved
from annex_actors.stepping.script import WORDS, obey
from annex_actors.stepping.stepper import MOST_POINTS, Stepper
from annex_actors.stepping.walk import Walk
from tests.trainings import Training

SMALL = Training(epochs=1, size=4, batch_size=2)


def walked(words: str) -> Walk:
    return obey(Walk(SMALL.prepared, seed=2), words)


def done(walk: Walk) -> tuple[str, str]:
    """Return what the last move handled, and where."""
    last = walk.point().done
    assert last is not None
    assert last.letter is not None
    return last.peer, last.letter.kind


def test_words_go_forwards_and_back() -> None:
    assert walked("f").number == 1
    assert walked("f12 b f2 b4").number == 9
    assert walked("f5 begin").number == 0
    assert walked("end").point().state == "finished"
    assert walked("f3 end begin f3").point() == walked("end begin f3").point()


def test_words_find_messages() -> None:
    assert done(walked("layer:2")) == ("stage-2", "resume")
    assert done(walked("kind:backward")) == ("stage-4", "backward")
    assert done(walked("kind:weight-gradient,layer:0")) == ("stage-0", "weight gradient")
    assert done(walked("end -kind:backward,layer:1,step:0")) == ("stage-1", "backward")


def test_words_kill_and_choose() -> None:
    assert [str(each) for each in walked("f2 crash:1 crash:trainer").moves[2:]] == ["crash stage-1", "crash trainer"]
    assert [str(each) for each in walked("kind:forward,layer:1 b crash:1:0").moves[-1:]] == ["work stage-1 dies 0"]
    walk = walked("f20")
    second = walk.choices()[1].move
    assert str(obey(walk, "choose:2").moves[-1]) == second
    assert len(walked("random:30").moves) == 30
    other = walked("f9 schedule:gpipe f2")
    assert (other.number, other.point().schedule) == (2, "gpipe")


def test_another_message_is_taken_where_the_schedule_allows_it() -> None:
    walk = walked("kind:forward,layer:4")
    while not any(each.verdict == "allowed" for peer in walk.point().peers for each in peer.mailbox):
        walk.at_random()
    peer, waiting = next(
        (peer, each) for peer in walk.point().peers for each in peer.mailbox if each.verdict == "allowed"
    )
    obey(walk, f"take:{peer.layer}:{waiting.letter.piece}")
    last = walk.point().done
    assert last is not None
    assert last.letter == waiting.letter


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("g", "expected a word such as"),
        ("f-1", "expected a word such as"),
        ("f999999999999", "expected the number of moves"),
        ("layer:", "expected a word such as"),
        ("layer:9", "expected a layer from 0 to 4, the cost, got 9"),
        ("layer:1,x:2", "expected what to look for to be such as layer:1,kind:backward, got 'x:2'"),
        ("crash:one", "expected a peer to be among stage-0, .*, trainer, got 'one'"),
        ("crash:1:2", "expected stage-1 to have work"),
        ("choose:0", "expected a choice from 1 to"),
        ("choose:99", "expected a choice from 1 to"),
        ("take:1", "expected a piece of work such as"),
        ("take:1:F0.1", "expected F0.1 in the mailbox of stage-1, but it is not there"),
        ("schedule:x", "expected `schedule` to be one of"),
        ("end f2 crash:1", "it is over here"),
    ],
)
def test_a_word_that_cannot_be_obeyed_says_why(words: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        walked(words)


def test_work_that_is_held_back_is_refused_with_its_reason() -> None:
    walk = obey(walked("schedule:gpipe"), "kind:forward,layer:4")
    held = next(
        (each.letter.piece, each.why)
        for peer in walk.point().peers
        if peer.address == "stage-4"
        for each in peer.mailbox
        if each.letter.piece.startswith("B")
    )
    assert "gpipe keeps its gate shut: of 2 microbatches F 1, B 0, W 0 are done" in held[1]
    with pytest.raises(ConfigError, match=f"{held[0]} of stage-4 is not: gpipe keeps its gate shut"):
        obey(walk, f"take:4:{held[0]}")


WORD = st.one_of(st.sampled_from(["f", "b", "b3", "end", "begin", "crash:1", "random:3", *WORDS]), st.text(max_size=8))


@settings(deadline=None, max_examples=12, print_blob=True)
@given(st.lists(WORD, max_size=6))
def test_any_words_are_obeyed_or_refused_in_one_line(words: list[str]) -> None:
    stepper = Stepper(Walk(SMALL.prepared), {})
    refused = ""
    try:
        stepper.obey(" ".join(words))
    except ConfigError as error:
        refused = str(error)
    point = stepper.walk.point()
    assert "\n" not in refused
    assert all("\n" not in line for line in lines_of(point))
    json.dumps(as_json(point), allow_nan=False)


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_that_is_saved_is_repeated_to_the_last_number(seed: int, tmp_path: Path) -> None:
    random, walk = Random(seed), Walk(SMALL.prepared, seed=seed)
    for _ in range(4):
        walk.at_random(random.randrange(5, 40))
        if not walk.is_over:
            walk.crash(random.randrange(5))
        walk.back(random.randrange(6))
    file = tmp_path / "walk.json"
    file.write_text(saved(walk, {"training": {"seed": 3}}).to_json())
    before = read_walk(file)
    assert before.settings == {"training": {"seed": 3}}
    again = Walk(SMALL.prepared, seed=before.seed)
    assert repeat(again, before) is None
    assert again.number == walk.number
    assert fingerprint(again.point()) == fingerprint(walk.point())
    assert again.moves == walk.moves[: walk.number]


def test_a_walk_through_another_run_is_noticed() -> None:
    walk = walked("kind:backward")
    before = saved(walk, {})
    other = Walk(Training(epochs=1, size=4, batch_size=2, seed=99).prepared)
    difference = repeat(other, before)
    assert difference is not None
    assert difference.startswith("what is seen here is not what was seen when the walk was saved")
    short = SavedWalk({}, 0, (*before.moves, "deliver stage-0 stage-4"), before.seen)
    with pytest.raises(ConfigError, match=rf"move {len(before.moves) + 1} of the walk, .* is not possible: exp"):
        repeat(walked(""), short)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "got no JSON"),
        (b"\xff\xfe", "got no JSON"),
        (b"[" * 100_000, "got no JSON"),
        (b"[1]", "expected a saved walk of version 1 .*, got None"),
        (b'{"annex_actors_walk": 2}', "expected a saved walk of version 1 .*, got 2"),
        (b'{"annex_actors_walk": 1, "settings": []}', "expected `settings` of the walk .* to be of type dict"),
        (
            b'{"annex_actors_walk": 1, "settings": {}, "seed": 0, "moves": [1], "seen": ""}',
            "expected `moves` of the walk .* to be lines of text",
        ),
    ],
)
def test_a_file_that_holds_no_walk_is_refused(content: bytes, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "walk.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        read_walk(file)
    with pytest.raises(ConfigError, match="expected a saved walk in"):
        read_walk(tmp_path / "none.json")


def test_moves_are_read_as_they_are_written() -> None:
    walk = walked("random:200")
    assert [parse_move(str(each), walk.addresses) for each in walk.moves] == walk.moves
    for text in ("F0.1", "B3.0", "W3", "P2.7"):
        assert str(Piece.parse(text)) == text


def test_the_points_of_a_report_are_those_of_the_walk_the_last_ones_of_a_long_one() -> None:
    walk = walked("f30 crash:1 f10 b5")
    points = list(Stepper(walk, {}).points())
    assert [each.number for each in points] == list(range(37))
    assert {each.length for each in points} == {36}
    assert fingerprint(points[-1]) == fingerprint(walk.point())
    long = Walk(Training(epochs=4).prepared)
    long.to_end()
    assert long.number > MOST_POINTS
    last = list(Stepper(long, {}).points())
    assert [each.number for each in last] == list(range(long.number - MOST_POINTS + 1, long.number + 1))


def test_a_point_as_json_has_all_that_it_has() -> None:
    point = walked("kind:backward crash:1 f").point()
    assert Point(**{**_fields(point)}) == point
    found: dict[str, Any] = json.loads(json.dumps(as_json(point)))
    assert found["peers"][1]["address"] == "stage-1"
    assert found["peers"][1]["incarnation"] == 2
    assert {*found} == {*_fields(point)}


def _fields(point: Point) -> dict[str, Any]:
    return {name: getattr(point, name) for name in point.__dataclass_fields__}
