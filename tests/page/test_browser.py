"""The page in a browser: live with a kill by its button, saved without any network, and at every width."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from annex_actors.cli import main
from annex_actors.page.saved_page import saved_page
from annex_actors.tracing.rows import rows_of
from tests.page.browsers import chromium, opened
from tests.page.streams import stream
from tests.tracing.random_traces import SEEDS, random_trace

TRAIN = ("train", "digits", "--epochs", "12", "--quiet")
GATED = """
import os, time
from dataclasses import dataclass
from pathlib import Path
from annex_actors import register_layer

@dataclass(frozen=True)
class Gated:
    "Passes everything on; slow until the file that GATE names is there: a run lasts as long as a browser needs."
    name = "gated"
    def spec(self):
        return "gated"
    def output_shape(self, input_shape):
        return input_shape
    def initial_parameters(self, input_shape, key, dtype):
        return {}
    def forward(self, parameters, inputs, key):
        if not Path(os.environ["GATE"]).exists():
            time.sleep(0.05)
        return inputs, ()
    def backward(self, parameters, saved, grad_output, input_wanted):
        return grad_output, ()
    def weight_gradient(self, factors):
        return {}

register_layer("gated", Gated)
"""
HOSTILE = "<img src=x onerror=window.hacked=1></script><script>window.hacked=1</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def saved(folder: Path, records: list[dict[str, Any]]) -> str:
    """Return the address of a saved page."""
    file = folder / "run.html"
    file.write_text(saved_page(records), encoding="utf-8")
    return file.as_uri()


@contextmanager
def observed(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a run that goes on in a process of its own, and the link of its page."""
    command = [sys.executable, "-m", "annex_actors", *TRAIN, "--run-dir", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = re.match(r"http://127\.0\.0\.1:\d+/\?token=\S+", process.stderr.readline())
            assert found is not None, process.stderr.read()
            yield process, found[0]
        finally:
            process.kill()


def test_a_live_run_is_watched_a_layer_killed_by_its_button_and_the_weights_are_the_same(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, layer = tmp_path / "gate", tmp_path / "gated.py"
    layer.write_text(GATED)
    gate.touch()
    monkeypatch.setenv("GATE", str(gate))
    network = ("--load", str(layer), "--layers", "dense:32 gated relu dense:10")
    assert main([*TRAIN, *network, "--run-dir", str(tmp_path / "undisturbed")]) == 0
    expected = json.loads((tmp_path / "undisturbed" / "result.json").read_text())["weights_sha256"]
    gate.unlink()
    with (
        observed(tmp_path / "killed", *network, "--observe-control", "--runtime", "processes") as (process, link),
        opened(browser) as page,
    ):
        page.goto(link)
        assert "token" not in page.url
        row = page.locator("tr[data-actor=stage-2]")
        row.wait_for()
        page.locator("tr[data-actor=trainer]").wait_for()
        assert page.locator("tr[data-actor]").count() >= 7
        handled = "tr[data-actor=stage-0] td[data-key=handled]"
        page.locator(handled, has_text=re.compile("[1-9]")).wait_for()
        changed = "([cell, before]) => document.querySelector(cell).textContent !== before"
        page.wait_for_function(changed, arg=[handled, page.locator(handled).text_content()])  # the rows are live
        page.locator("#legend", has_text="forward").wait_for()  # the timeline has work, while the page is looked at

        page.locator("#search").fill("stage-2")
        page.locator("tr[data-actor=stage-0]").wait_for(state="detached")
        row.click()
        page.locator("#kill-actor").click()
        assert "stage-2 (layer 2 relu)" in page.locator("#confirm-question").text_content()
        page.locator("#confirm-yes").click()
        page.locator("#said", has_text="stage-2 was killed").wait_for()
        page.locator("#event-list", has_text="stage-2 (layer 2 relu) is up again, incarnation 2").wait_for()
        page.locator("#move-actor").click()
        assert "stage-2 (layer 2 relu)" in page.locator("#confirm-question").text_content()
        page.locator("#confirm-yes").click()
        page.locator("#said", has_text="stage-2 moves to a thread").wait_for()
        page.locator("#event-list", has_text="stage-2 (layer 2 relu) is up again, incarnation 3").wait_for()

        gate.touch()
        page.locator("#run-state", has_text="finished").wait_for()
        assert expected in page.locator("#fingerprint").text_content()
        assert page.locator("#fingerprint").get_attribute("data-verdict") == "equal"
        assert page.locator("#kill-actor").count() == 0  # nothing can be killed any more
        assert process.wait(60) == 0
    assert json.loads((tmp_path / "killed" / "result.json").read_text())["weights_sha256"] == expected


def test_a_saved_page_opens_without_any_request_and_at_the_first_cause(browser: Any, tmp_path: Path) -> None:
    run = tmp_path / "failed"
    assert main([*TRAIN, "--run-dir", str(run), "--report", "--crash", "layer=1,step=8,times=3"]) == 1
    asked: list[str] = []
    with opened(browser) as page:
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((run / "report.html").as_uri())
        cause = page.locator("#cause")
        cause.wait_for()
        assert "First cause: stage-1 (layer 1 relu)" in cause.text_content()
        assert "crash on order" in cause.text_content()
        assert cause.is_visible()
        assert page.locator("#details-title").text_content() == "stage-1 · layer 1 relu"
        assert page.locator("tr[data-actor=stage-1]").first.get_attribute("data-state") == "failed"
    assert asked == [(run / "report.html").as_uri()]


def test_any_trace_opens_offline(browser: Any, tmp_path: Path) -> None:
    asked: list[str] = []
    with opened(browser) as page:
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(request.url))
        for seed in SEEDS:
            trace, _ = random_trace(seed)
            run = {"type": "run", "version": 1, "clock": trace.header["clock"], "stages": trace.header["peers"]}
            plan = {name: trace.header[name] for name in ("schedule", "microbatches", "runtime")}
            page.goto(saved(tmp_path, [{**run, **plan, "epochs": 1, "steps": len(trace.steps)}, *rows_of(trace)]))
            page.locator("#timeline-note", has_text="the last").wait_for()
            assert page.locator("tr[data-actor=stage-0]").count() == 1, seed
    assert asked == [(tmp_path / "run.html").as_uri()] * len(SEEDS)


@pytest.mark.parametrize("actors", [1, 30, 1000])
@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page(browser: Any, tmp_path: Path, actors: int, width: int, scheme: str) -> None:
    with opened(browser, width, 800, scheme) as page:
        page.goto(saved(tmp_path, stream(actors, deaths=1)))
        page.locator("#run-state", has_text="finished").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = """() => [...document.querySelectorAll("body *")]
            .filter((each) => !each.closest(".scroll, .skip, pre, dialog"))
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5)
            .map((each) => each.outerHTML.slice(0, 99))"""
        assert page.evaluate(wide) == []


def test_of_a_thousand_actors_only_those_that_are_seen_are_drawn_and_each_can_be_found(
    browser: Any, tmp_path: Path
) -> None:
    with opened(browser) as page:
        page.goto(saved(tmp_path, stream(1000, deaths=0)))
        rows = page.locator("tr[data-actor]")
        assert 5 < rows.count() < 60
        assert page.locator("#actor-count").text_content() == "1,003 actors"
        page.locator("#search").fill("stage-777")
        page.locator("tr[data-actor=stage-777]").wait_for()
        assert rows.count() == 3  # with its supervisors


def test_what_fails_is_on_top_whatever_is_searched_for_and_the_header_sorts(browser: Any, tmp_path: Path) -> None:
    with opened(browser) as page:
        records = [each for each in stream(60, deaths=0) if each["type"] in ("run", "status")]
        page.goto(saved(tmp_path, records))
        names = "() => [...document.querySelectorAll('tr[data-actor]')].map((row) => row.dataset.actor)"
        page.locator("#search").fill("trainer")
        assert page.evaluate(names) == ["stage-29", "stage-59", "run", "trainer"]
        page.locator("#search").fill("layer")
        page.locator("th[data-key=handled] button").click()
        assert page.locator("th[data-key=handled]").get_attribute("aria-sort") == "descending"
        assert page.evaluate(names)[:5] == ["stage-59", "stage-29", "run", "layers", "stage-58"]


def test_where_layers_live_is_shown_only_where_there_are_several_nodes(browser: Any, tmp_path: Path) -> None:
    records = [each for each in stream(3, deaths=0) if each["type"] == "run"]
    for node in ("", "left"):
        record = {"type": "event", "event": "PeerStarted", "time": 100.0, "incarnation": 1, "node": node}
        event = {**record, "address": "stage-1", "label": "layer 1 relu"}
        with opened(browser) as page:
            page.goto(saved(tmp_path, [*records, event]))
            assert page.locator("th[data-key=node]").is_visible() == bool(node)
            assert page.locator("tr[data-actor=stage-1] td[data-key=node]").text_content() == node
            assert page.locator("tr[data-actor=stage-2] td[data-key=node]").text_content() == ""


def test_a_text_of_the_run_is_never_read_as_html(browser: Any, tmp_path: Path) -> None:
    text = json.dumps(stream(3, fails=True)).replace("dense:32", json.dumps(HOSTILE)[1:-1])
    records = json.loads(text.replace("a shape that does not fit", json.dumps(HOSTILE)[1:-1]))
    with opened(browser) as page:
        page.goto(saved(tmp_path, records))
        page.locator("tr[data-actor=stage-1]").click()
        assert HOSTILE in page.locator("#details-title").text_content()
        assert HOSTILE in page.locator("#cause pre").text_content()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img").count() == 0


def test_everything_can_be_done_by_keyboard(browser: Any, tmp_path: Path) -> None:
    with opened(browser) as page:
        page.goto(saved(tmp_path, stream(5)))
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        assert {"live", "pause", "speed", "scrub", "search", "tree-scroll", "timeline-scroll", "theme"} <= reached
        page.locator("#tree-scroll").focus()
        for key in ("Home", "ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == "details"
        assert page.locator("#details-title").text_content() == "stage-0 · layer 0 dense:16"
        page.locator("#timeline-scroll").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
            page.keyboard.press(key)
        assert re.match(r"stage-1: ", page.locator("#timeline-readout").text_content())


def test_time_can_be_paused_scrubbed_back_and_played(browser: Any, tmp_path: Path) -> None:
    with opened(browser) as page:
        page.goto(saved(tmp_path, stream(3, deaths=1)))
        assert page.locator("#run-state").text_content() == "✓ finished"
        page.locator("#scrub").focus()
        page.keyboard.press("Home")
        page.locator("#moment", has_text=re.compile("^0 µs")).wait_for()
        assert page.locator("#event-list li").count() == 0
        page.locator("#forward").click()
        page.locator("#moment", has_text=re.compile("^100 µs")).wait_for()
        page.locator("#speed").select_option("1")
        page.locator("#run-state", has_text="finished").wait_for()  # it plays to the end
        assert page.locator("#event-list li").count() > 5


def test_idle_cells_say_why_and_cells_have_letters_beside_colours(browser: Any, tmp_path: Path) -> None:
    with opened(browser) as page:
        page.goto(saved(tmp_path, stream(3)))
        assert page.locator("#legend").text_content().startswith("FforwardBbackward")
        page.locator("#timeline-scroll").focus()
        seen = set()
        for _ in range(12):
            page.keyboard.press("ArrowLeft")
            seen.add(page.locator("#timeline-readout").text_content())
        assert any("idle, no gradient yet (next: backward" in text for text in seen)
        assert any(": forward · step " in text for text in seen)


def test_the_theme_follows_the_system_and_can_be_switched(browser: Any, tmp_path: Path) -> None:
    with opened(browser, scheme="dark") as page:
        page.goto(saved(tmp_path, stream(1)))
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) == "rgb(16, 19, 22)"
        page.locator("#theme").click()
        assert page.evaluate(ground) == "rgb(246, 246, 244)"


def test_a_run_without_a_trace_says_how_to_get_one(browser: Any, tmp_path: Path) -> None:
    with opened(browser) as page:
        page.goto(saved(tmp_path, stream(3, traced=False, status=False)))
        assert "train --trace" in page.locator("#timeline-note").text_content()
        assert page.locator("#boxes .box").count() == 4
