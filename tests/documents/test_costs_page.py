"""The page on costs is true: its table has all costs with their defaults, its code runs, and so does its command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from annex_actors.base.user_files import run_user_file
from annex_actors.cli import main
from annex_actors.costs import COSTS, cost
from tests.readmes import ROOT, blocks, commands
from tests.tables import restored

PAGE = ROOT / "annex_actors" / "costs" / "README.md"
ROWS = re.findall(r"^\| `([a-z_]+)([^`]*)`", PAGE.read_text(), flags=re.MULTILINE)


def test_the_table_has_every_cost_with_its_defaults() -> None:
    assert [name for name, _ in ROWS] == list(COSTS)
    for name, settings in ROWS:
        assert cost(name + settings) == cost(name)
        assert settings.count("=") == len(getattr(cost(name), "__dataclass_fields__", ()))


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_works(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command), "--quiet"]) == 0


def test_its_code_runs_and_the_cost_keeps_its_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    (tmp_path / "quantile.py").write_text("\n".join(blocks(PAGE, "python")))
    run_user_file(tmp_path / "quantile.py")
    assert cost("quantile:q=0.9").name == "quantile"
