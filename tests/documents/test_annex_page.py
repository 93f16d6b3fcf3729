"""The page for users of Annex is true: every line of Python on it runs, and its tasks are those of the catalogue."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from annex_actors.data import catalog
from tests.readmes import ROOT, blocks
from tests.tables import restored

PAGE = ROOT / "examples" / "annex.md"
BEGIN, GOLDEN = blocks(PAGE, "python")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
OPTIONS = [row for row in ROWS if len(row) == 2][1:]
TASKS = [row for row in ROWS if len(row) == 6][1:]
CALLS = [code for _, here in OPTIONS for code in re.findall(r"`([^`]+)`", here) if code.endswith((")", ".predict"))]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names that the page begins with."""
    restored(monkeypatch)
    page: dict[str, Any] = {}
    exec(BEGIN, page)
    return page


@pytest.mark.parametrize("code", CALLS)
def test_each_line_runs(code: str, begun: dict[str, Any]) -> None:
    eval(code, begun)


def test_each_option_has_code_or_a_name_here(begun: dict[str, Any]) -> None:
    assert len(OPTIONS) >= 25
    for option, here in OPTIONS:
        names = re.findall(r"`([^`]+)`", here)
        assert names or here.startswith("none:"), option
        for name in names:
            is_option = name.startswith("--")
            assert is_option or name in CALLS or name in begun, f"{option}: {name}"


def test_halt_conditions_and_logs_do_what_the_page_says(
    begun: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (below,) = (code for code in CALLS if "loss_less_than" in code)
    result = eval(below, begun)
    assert result.history[-1].train_cost < 0.23 <= result.history[-2].train_cost
    capsys.readouterr()
    (logged,) = (code for code in CALLS if "Log()" in code)
    eval(logged, begun)
    assert re.fullmatch(r"XOR operation, epoch 0: 0\.\d{4}\n", capsys.readouterr().out)


def test_the_golden_numbers_are_as_the_page_shows(begun: dict[str, Any]) -> None:
    exec(GOLDEN, begun)
    outputs = begun["golden"].predict(begun["data"].test.inputs)
    shown = re.findall(r"# \[\[([\d.]+), ([\d.]+)\]\]", GOLDEN)
    np.testing.assert_allclose(outputs, np.array(shown, dtype=np.float64), rtol=0, atol=1e-6)


def test_the_tasks_are_those_of_the_catalogue() -> None:
    suggested = {entry.name: entry.suggested for entry in catalog() if entry.name.startswith("annex-")}
    assert [row[0].strip("`") for row in TASKS] == list(suggested)
    for name, layers, cost, optimizer, batch_size, epochs in TASKS:
        is_so = suggested[name.strip("`")]
        assert layers == f"`{is_so.layers}`"
        assert cost == f"`{is_so.cost}`"
        assert optimizer == f"`{is_so.optimizer}`, {is_so.learning_rate}"
        assert (int(batch_size), int(epochs)) == (is_so.batch_size, is_so.epochs)
