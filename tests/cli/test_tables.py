"""What users choose by name is listed with its settings, made from the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from annex_actors.cli import main
from annex_actors.costs import COSTS
from annex_actors.layers import INITIALIZERS, LAYERS
from annex_actors.optimizers import LEARNING_RATES, OPTIMIZERS
from tests import tables

TABLES: dict[str, Mapping[str, Any]] = {
    "layers": LAYERS,
    "initializers": INITIALIZERS,
    "costs": COSTS,
    "optimizers": OPTIMIZERS,
    "rates": LEARNING_RATES,
}

ROWS = {
    "layers": ["dense out_features in_features=", "dropout rate ", "residual layers... "],
    "initializers": ["constant value ", "orthogonal gain=1.0 ", "he Numbers that are normal"],
    "costs": ["huber delta=1.0 "],
    "optimizers": [
        "adamw learning_rate=0.001 beta1=0.9 beta2=0.999 epsilon=1e-08 weight_decay=0.01 decay_biases=false ",
        "lion `w = w - learning_rate (sign(",
    ],
    "rates": ["cosine learning_rate steps minimum=0.0 ", "warmup learning_rate steps ", "cosine Half a cosine from "],
}

MINE = '''
from dataclasses import dataclass
import numpy as np
from annex_actors import Sgd, dense, register_initializer, register_layer, register_optimizer


@dataclass(frozen=True, kw_only=True)
class Steep(Sgd):
    """Mine: steeper."""
    slope: float = 2.0


def wide(width: int, by: int = 3):
    """Mine: wider."""
    return dense(width * by)


def tiny(shape, fan, generator, size=0.001):
    """Mine: smaller."""
    return np.full(shape, size)


register_optimizer("steep", Steep)
register_layer("wide", wide)
register_initializer("tiny", tiny)
'''


def shown_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", TABLES)
def test_every_entry_is_listed_with_its_settings(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = shown_by(capsys, command)
    assert all(f" {name} " in shown for name in TABLES[command])
    assert all(row in shown for row in ROWS[command])


@pytest.mark.parametrize("command", TABLES)
def test_no_line_is_wider_than_a_terminal(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 0
    assert max(map(cell_len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "row"),
    [
        ("optimizers", "decay_biases=false slope=2.0"),
        ("optimizers", "steep Mine: steeper."),
        ("layers", "wide width by=3"),
        ("layers", "wide Mine: wider."),
        ("initializers", "tiny size=0.001 Mine: smaller."),
    ],
)
def test_what_is_your_own_is_listed_too(
    command: str, row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.restored(monkeypatch)
    (tmp_path / "mine.py").write_text(MINE)
    assert row in shown_by(capsys, command, "--load", str(tmp_path / "mine.py"))
