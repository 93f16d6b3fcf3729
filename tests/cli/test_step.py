"""``annex-actors step``: words without a terminal, keys in one, and walks that are saved and repeated."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from annex_actors.cli import main
from annex_actors.stepping.saved import fingerprint
from annex_actors.stepping.stepper import Stepper
from annex_actors.stepping.walk import Walk
from tests.trainings import Training, fingerprints, undisturbed

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from annex_actors.cli.step_view import StepView

SMALL = Training(epochs=1, size=4, batch_size=2)
XOR = ("step", "--epochs", "2")


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*XOR, *arguments]) == 0
    return capsys.readouterr().out


def test_words_are_made_and_what_is_seen_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "--walk", "kind:backward crash:1 f")
    assert "crash:1: move " in out
    assert "stage-1 layer 1 tanh · incarnation 2, committed 0" in out
    assert "possible now" in out
    assert "  waits for the " in out


def test_the_last_weights_are_those_of_train_whatever_was_killed_and_in_whatever_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["train", "xor", "--epochs", "2", "--quiet", "--json", "--run-dir", str(tmp_path / "run")]) == 0
    expected = json.loads(capsys.readouterr().out)["weights_sha256"]
    for words in ("end", "kind:backward crash:0 random:60 crash:2 b9 end", "random:500 end"):
        assert json.loads(shown(capsys, "--json", "--walk", words))["weights_sha256"] == expected


def test_a_walk_is_saved_and_repeated_with_its_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "walk.json"
    arguments = ("--schedule", "gpipe", "--seed", "5", "--walk-seed", "7", "--layers", "dense:3 relu dense:2")
    before = json.loads(shown(capsys, *arguments, "--json", "--walk", "random:40 crash:1 f b", "--save", str(file)))
    assert main(["step", "--repeat", str(file), "--json"]) == 0
    printed = capsys.readouterr()
    after = json.loads(printed.out)
    assert "warning" not in printed.err
    assert after == {**before, "length": before["number"]}
    assert main(["step", "--repeat", str(file), "--json", "--walk", "random:9"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert main(["step", "--repeat", str(file), "--json", "--walk", "random:9", "--walk-seed", "7"]) == 0
    assert json.loads(capsys.readouterr().out) == again


def test_python_files_that_a_saved_walk_names_run_only_if_the_user_names_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mine, file = tmp_path / "mine.py", tmp_path / "walk.json"
    mine.write_text("print('it runs')")
    assert main([*XOR, "--load", str(mine), "--walk", "f", "--save", str(file)]) == 0
    assert "it runs" in capsys.readouterr().out
    mine.write_text("print('it runs again')")
    assert main(["step", "--repeat", str(file), "--walk", "f"]) == 2
    printed = capsys.readouterr()
    assert "it runs" not in printed.out
    assert "named by you" in printed.err
    assert main(["step", "--repeat", str(file), "--walk", "f", "--load", str(mine)]) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["step", "xor", "--repeat", "x.json"], "expected DATA or --repeat, got both"),
        (["step", "--repeat", "x.json", "--walk", "f"], "expected a saved walk in x.json, got "),
        (["step", "--walk", "f", "--save", "x.txt"], "expected --save to end in .json or .html, got x.txt"),
        (["step", "--walk", "f", "--save", "none/x.json"], "none/x.json"),
        (["step", "--walk", "hop"], "expected a word such as"),
        (["step", "--page", "--walk", "hop"], "expected a word such as"),
        (["step", "--page", "--json"], "expected --page or --json, got both"),
        (["step", "--walk", "f", "--schedule", "hop"], "expected `schedule` to be one of"),
        (
            ["step", "--walk", "f", "--microbatches", "9"],
            "expected `microbatches` to be at most the batch size 4",
        ),
        (["step"], "expected a terminal for `step`, got none; --walk WORDS prints the same"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_without_textual_one_line_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    assert main(["step"]) == 2
    expected = "expected Textual for `step`, got none; pip install 'annex-actors[top]', or use --walk or --page"
    assert capsys.readouterr().err == f"error: {expected}\n"


def test_without_a_server_a_page_is_refused_before_the_walk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["step", "--page", "--walk", "no-word"]) == 2
    assert capsys.readouterr().err == (
        "error: expected uvicorn for the page, got none; pip install 'annex-actors[observe]'\n"
    )


# In a terminal


def piloted(
    steps: Callable[[Pilot[None], StepView], Awaitable[None]], width: int = 100, save: Path | None = None
) -> None:
    """Show a walk in a terminal of so many columns, and take steps in it."""
    pytest.importorskip("textual")
    from annex_actors.cli.step_view import StepView

    async def scenario() -> None:
        app = StepView(Stepper(Walk(SMALL.prepared), {}), save)
        async with app.run_test(size=(width, 30)) as pilot:
            await pilot.pause()
            await steps(pilot, app)

    asyncio.run(scenario())


def text(app: StepView, part: str) -> str:
    from textual.widgets import Static

    return str(app.query_one(f"#{part}", Static).render())


def rows(app: StepView) -> list[list[str]]:
    from textual.widgets import DataTable

    table: DataTable[Any] = app.query_one("#peers", DataTable)
    return [[str(cell) for cell in table.get_row_at(index)] for index in range(table.row_count)]


async def typed(pilot: Pilot[None], words: str) -> None:
    """Type words into the field for them."""
    await pilot.press("colon")
    await pilot.press(*(_KEYS.get(each, each) for each in words), "enter")
    await pilot.pause()


_KEYS = {":": "colon", " ": "space", ".": "full_stop", ",": "comma", "-": "minus"}


def check(app: StepView) -> None:
    """Check that the view shows the point, which is what the stages hold (`tests/stepping/test_look.py`)."""
    walk = app._stepper.walk
    assert fingerprint(app.point) == fingerprint(walk.point())
    assert f"move {walk.number}" in text(app, "headline")
    for row, peer in zip(rows(app), app.point.peers, strict=True):
        node = walk.node(peer.address)
        assert row[0].startswith(peer.label[:8])
        assert row[1:3] == [str(node.incarnation), str(node.committed)]
        assert row[4] == str(node.waiting or "")
    held = " ".join(text(app, "held").split())
    selected = walk.node(app.selected.address)
    assert f"incarnation {selected.incarnation}, committed {selected.committed}" in held
    for each in app.selected.mailbox:
        assert each.letter.text.partition(" edge ")[0] in held
        assert each.why in held


@pytest.mark.parametrize("width", [80, 120])
def test_keys_go_through_a_microbatch_a_crash_and_a_recovery_forwards_and_backwards(width: int) -> None:
    async def steps(pilot: Pilot[None], app: StepView) -> None:
        check(app)
        await pilot.press("f", "space", "f", "b")
        check(app)
        assert app.point.number == 2
        await typed(pilot, "kind:backward,layer:1")
        check(app)
        await pilot.press("down")
        check(app)
        assert app.selected.address == "stage-1"
        before = app.point
        await pilot.press("k")
        check(app)
        assert app.selected.incarnation == 2
        assert "layer 1 relu is up, incarnation 2" in text(app, "done")
        await pilot.press("n", "n", "n")
        check(app)
        assert app.point.done is not None
        assert app.point.done.peer == "stage-1"
        while app.point.number > before.number:
            await pilot.press("b")
            check(app)
        assert fingerprint(app.point) == fingerprint(before)
        assert app.point.length > app.point.number
        await pilot.press("f")
        assert app.selected.incarnation == 2
        await pilot.press("p")
        check(app)
        await typed(pilot, "end")
        check(app)
        assert app.point.weights_sha256 == undisturbed(SMALL).fingerprints[0]
        assert app._stepper.walk.point().peer("stage-1").incarnation == 2

    piloted(steps, width)


def test_a_move_is_chosen_from_those_that_are_possible() -> None:
    async def steps(pilot: Pilot[None], app: StepView) -> None:
        await typed(pilot, "f20")
        second = app.point.choices[1].move
        await pilot.press("m", "down", "enter")
        await pilot.pause()
        assert app.point.done is not None
        assert app.point.done.move == second
        check(app)

    piloted(steps)


def test_what_is_not_possible_is_said_and_the_walk_stays() -> None:
    async def steps(pilot: Pilot[None], app: StepView) -> None:
        await typed(pilot, "f3 hop")
        assert "expected a word such as" in text(app, "note")
        assert app.point.number == 3
        await pilot.press("f")
        assert text(app, "note") == ""
        await pilot.press(*["down"] * 9, "n")
        assert "select a layer: trainer is none" in text(app, "note")
        await pilot.press("k")
        assert app.selected.address == "trainer"
        assert app.selected.incarnation == 2
        check(app)

    piloted(steps)


def test_a_key_saves_the_walk(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None], app: StepView) -> None:
        await pilot.press("f", "r", "w")
        await pilot.pause()
        assert f"saved in {tmp_path / 'walk.json'}" in text(app, "note")
        assert len(json.loads((tmp_path / "walk.json").read_text())["moves"]) == 2

    piloted(steps, save=tmp_path / "walk.json")


def test_a_walk_ends_with_the_bits_of_the_undisturbed_run_after_keys_by_chance() -> None:
    async def steps(pilot: Pilot[None], app: StepView) -> None:
        await pilot.press(*"rrrrrkrrrnrrpk", "f")
        await typed(pilot, "end")
        assert fingerprints(app._stepper.walk.checkpoint()) == undisturbed(SMALL).fingerprints

    piloted(steps)
