"""``annex-actors top``: the table is live, sorted, searched, and acted on by keys; what has failed is never hidden."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.control.client import Client
from annex_actors.control.findings import Checkup, Diagnosis
from annex_actors.control.requests import Killed, Moved
from annex_actors.control.status import ActorState, ActorStatus, Status
from tests.control.patients import Blocking, illness, with_layer
from tests.control.running import running
from tests.kills import KILLS_THREADS
from tests.trainings import Training, fingerprints, undisturbed

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from annex_actors.cli.live_table import LiveTable, arranged

LAYERS = ("dense:128", "relu", "[red]dropout[/red]", "dense:10")


def layer(number: int, *, state: ActorState = "waiting", busy: float = 0.0, mailbox: int = 0) -> ActorStatus:
    return ActorStatus(
        id=f"stage-{number}",
        parent="layers",
        kind="layer",
        label=f"layer {number} {LAYERS[number]}",
        state=state,
        incarnation=1,
        busy=busy,
        mailbox=mailbox,
    )


TREE = (
    ActorStatus(id="run", parent=None, kind="supervisor", label="rest_for_one", state="waiting"),
    ActorStatus(id="layers", parent="run", kind="supervisor", label="one_for_one", state="waiting"),
    layer(0, busy=0.2, mailbox=1),
    layer(1, busy=0.9),
    layer(2, busy=0.5, mailbox=7),
    layer(3, state="hung"),
    ActorStatus(id="trainer", parent="run", kind="trainer", label="trainer", state="waiting"),
)


def status(*actors: ActorStatus) -> Status:
    return Status(
        run="runs/digits",
        pid=4711,
        state="running",
        wall_time="2026-01-31T00:00:00.000Z",
        runtime="processes",
        schedule="1f1b",
        microbatches=2,
        epoch=1,
        epochs=9,
        step=45,
        steps=405,
        metrics={"accuracy": 0.9},
        actors=actors,
    )


class Scripted:
    """A run of which each look is what the test says."""

    def __init__(self, *actors: ActorStatus) -> None:
        self.now = status(*actors)
        self.killed: list[str] = []
        self.moved: list[str] = []
        self.looks = 0
        self.error: ConfigError | None = None

    def status(self) -> Status:
        """Return what the test says."""
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.now

    def doctor(self) -> Diagnosis:
        """Find that a layer hangs."""
        ill = Checkup(id="stage-3", label="layer 3 dense:10", verdict="hangs", text="it spins at mine.py:3 in forward")
        return Diagnosis(run="runs/digits", state="running", fine=False, actors=(ill,))

    def kill(self, actor: str) -> tuple[Killed, ...]:
        """Record whom."""
        self.killed.append(actor)
        return (Killed(id=actor, label="layer 1 relu", incarnation=1),)

    def move(self, actor: str) -> Moved:
        """Record whom."""
        self.moved.append(actor)
        return Moved(id=actor, label="layer 1 relu", incarnation=1, worker="thread")


def piloted(
    source: Scripted | Client, steps: Callable[[Pilot[None], LiveTable], Awaitable[None]], width: int = 80
) -> None:
    """Show a table, and take steps in it."""

    async def scenario() -> None:
        app = LiveTable(source, every_s=0.05)
        async with app.run_test(size=(width, 24)) as pilot:
            await until(pilot, lambda: table(app).row_count > 0)
            await steps(pilot, app)

    asyncio.run(scenario())


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app go on until a condition holds."""
    while not condition():
        await pilot.pause(0.01)


def table(app: LiveTable) -> DataTable[object]:
    found: DataTable[object] = app.query_one("#actors", DataTable)
    return found


def names(app: LiveTable) -> list[str]:
    found = table(app)
    return [str(found.get_row_at(index)[0]).strip() for index in range(found.row_count)]


def text(app: LiveTable, part: str) -> str:
    return str(app.query_one(f"#{part}", Static).render())


@pytest.mark.parametrize("width", [60, 80, 140])
def test_what_has_failed_is_first_and_the_tree_comes_after_it(width: int) -> None:
    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        assert names(app) == [
            "layer 3 dense:10",
            "run (rest_for_one)",
            "layers (one_for_one)",
            "layer 0 dense:128",
            "layer 1 relu",
            "layer 2 [red]dropout[/red]",
            "trainer",
        ]
        assert "runs/digits: running in process 4711" in text(app, "summary")
        assert "epoch 1 of 9, step 45 of 405" in text(app, "summary")

    piloted(Scripted(*TREE), steps, width)


def test_the_table_is_live() -> None:
    source = Scripted(*TREE[:3])

    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        source.now = status(*TREE)
        await until(pilot, lambda: table(app).row_count == len(TREE))

    piloted(source, steps)


def test_a_key_sorts_by_the_next_column_and_the_tree_comes_back() -> None:
    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        tree = names(app)
        await pilot.press("s", "s")
        assert "sorted by mail" in text(app, "summary")
        assert names(app)[:3] == ["layer 3 dense:10", "layer 2 [red]dropout[/red]", "layer 0 dense:128"]
        await pilot.press("s", "s")
        assert "sorted by busy" in text(app, "summary")
        assert names(app)[1:4] == ["layer 1 relu", "layer 2 [red]dropout[/red]", "layer 0 dense:128"]
        await pilot.press("s", "s")
        assert names(app) == tree

    piloted(Scripted(*TREE), steps)


def test_a_search_hides_what_does_not_match_but_nothing_that_has_failed() -> None:
    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        await pilot.press("slash", *"RELU")
        await until(pilot, lambda: names(app) == ["layer 3 dense:10", "layer 1 relu"])
        assert "only 'RELU', and what has failed" in text(app, "summary")
        await pilot.press("enter", "s")
        assert names(app) == ["layer 3 dense:10", "layer 1 relu"]
        await pilot.press("escape")
        await until(pilot, lambda: table(app).row_count == len(TREE))

    piloted(Scripted(*TREE), steps)


def test_an_examination_shows_what_is_wrong() -> None:
    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        await pilot.press("d")
        await until(pilot, lambda: "layer 3 dense:10: hangs: it spins at mine.py:3" in text(app, "findings"))

    piloted(Scripted(*TREE), steps)


@pytest.mark.parametrize(("answer", "killed"), [("y", ["stage-1"]), ("n", []), ("escape", [])])
def test_a_kill_is_asked_about_by_the_name_of_the_layer(answer: str, killed: list[str]) -> None:
    source = Scripted(*TREE)

    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        await pilot.press(*["down"] * 4, "k")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "Kill layer 1 relu (stage-1)?" in str(app.screen.query_one(Static).render())
        assert source.killed == []
        await pilot.press(answer)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: source.killed == killed)
        if killed:
            await until(pilot, lambda: "killed layer 1 relu, incarnation 1" in text(app, "findings"))

    piloted(source, steps)


@pytest.mark.parametrize(("answer", "moved"), [("y", ["stage-1"]), ("n", [])])
def test_a_move_is_asked_about_likewise(answer: str, moved: list[str]) -> None:
    source = Scripted(*TREE)

    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        await pilot.press(*["down"] * 4, "m")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "Move layer 1 relu (stage-1)?" in str(app.screen.query_one(Static).render())
        await pilot.press(answer)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: source.moved == moved)
        if moved:
            await until(pilot, lambda: "layer 1 relu, incarnation 1, moves to a thread" in text(app, "findings"))
        await pilot.press(*["down"] * 2, "m")
        await until(pilot, lambda: "select a layer or the reader to move" in text(app, "findings"))

    piloted(source, steps)


@pytest.mark.parametrize("key", ["k", "m"])
def test_a_supervisor_is_not_killed_nor_moved(key: str) -> None:
    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        await pilot.press("down", key)
        await until(pilot, lambda: "select a layer" in text(app, "findings"))
        assert len(app.screen_stack) == 1

    piloted(Scripted(*TREE), steps)


def test_the_last_look_stays_when_the_run_has_ended() -> None:
    source = Scripted(*TREE)

    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        source.error = ConfigError("which has just ended")
        await until(pilot, lambda: "which has just ended" in text(app, "findings"))
        looks = source.looks
        await pilot.pause(0.2)
        assert source.looks == looks
        assert table(app).row_count == len(TREE)

    piloted(source, steps)


@pytest.mark.parametrize("host", ["threads", "processes"])
@KILLS_THREADS
def test_a_real_run_is_looked_at_and_a_layer_of_it_killed(host: str, tmp_path: Path) -> None:
    training = Training(microbatches=2, epochs=3)
    ill = with_layer(training, Blocking, tmp_path / "ill")

    async def steps(pilot: Pilot[None], app: LiveTable) -> None:
        row = names(app).index("layer 1 relu")
        await pilot.press(*["down"] * row, "k")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: run.job.restarts >= 1)

    with (
        illness(tmp_path) as file,
        running(ill, host, tmp_path, file, hang_seconds=600.0) as run,
        Client(tmp_path) as client,
    ):
        piloted(client, steps)
    assert fingerprints(run.result.checkpoint) == undisturbed(training).fingerprints


STATES: list[ActorState] = ["starting", "working", "waiting", "restarting", "hung", "failed", "stopped"]


@given(st.lists(st.sampled_from(STATES), max_size=4), st.sampled_from(["", "busy", "mail"]), st.text(max_size=3))
def test_whatever_is_searched_no_failed_actor_is_left_out(states: list[ActorState], order: str, search: str) -> None:
    actors = [layer(number, state=state) for number, state in enumerate(states)]
    shown = [actor.id for _, actor in arranged(actors, order, search)]
    failed = [actor.id for actor in actors if actor.state in ("restarting", "hung", "failed")]
    assert shown[: len(failed)] == failed
    assert len(set(shown)) == len(shown)


def test_without_a_terminal_or_without_textual_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "xor", "--epochs", "1", "--quiet", "--run-dir", "run"]) == 0
    assert main(["top", "run"]) == 2
    assert "expected a terminal for `top`, got none; annex-actors status" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "textual", None)
    assert main(["top", "run"]) == 2
    assert capsys.readouterr().err == "error: expected Textual for `top`, got none; pip install 'annex-actors[top]'\n"
