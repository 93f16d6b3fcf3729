"""The page on optimizers is true: it names all of them, and what stands there works."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from annex_actors.base.user_files import run_user_file
from annex_actors.cli import main
from annex_actors.optimizers import LEARNING_RATES, OPTIMIZERS, learning_rates
from annex_actors.runs.config import resolve
from tests.readmes import ROOT, blocks, commands
from tests.tables import restored

PAGE = ROOT / "annex_actors" / "optimizers" / "README.md"
TABLES = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), flags=re.MULTILINE)


def test_its_tables_have_every_optimizer_and_every_rule_as_it_is_written() -> None:
    assert [*OPTIMIZERS, *map(learning_rates.usage_of, LEARNING_RATES)] == TABLES


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_works(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command), "--quiet"]) == 0


@pytest.mark.parametrize("code", blocks(PAGE, "python"))
def test_its_code_works(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    file = tmp_path / "page.py"
    file.write_text(code)
    run_user_file(file)
    assert ("sign_sgd" in OPTIMIZERS) == ("register_optimizer" in code)


RATES = (
    "0.01",
    "polynomial:0.1:90",
    "warmup:9 one_cycle:0.1:90:pct_start=0.2",
    "cosine:0.1:90:minimum=0.001",
)
EXAMPLES = [
    *blocks(PAGE, "toml"),
    *(f'[optimizer]\nname = "{name}"\nlearning_rate = 0.01\ndecay_biases = true' for name in OPTIMIZERS),
    *(f'[optimizer]\nname = "adam"\nlearning_rate = "{rate}"' for rate in RATES),
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_config_makes_the_optimizer_that_it_says_and_repeats_it(text: str) -> None:
    wanted = tomllib.loads(text)["optimizer"]
    config, learner, _ = resolve(tomllib.loads(text))
    made: Any = learner.spec.optimizer
    rate = made.learning_rate
    assert made.name == wanted["name"]
    assert str(rate.spec() if hasattr(rate, "spec") else rate) == str(wanted["learning_rate"])
    assert resolve(tomllib.loads(config.to_toml()))[1].spec.optimizer == made
