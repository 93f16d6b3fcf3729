"""What users choose by name is listed with its settings, made from the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from annex_actors.base.docstrings import page_of
from annex_actors.cli import main
from annex_actors.costs import COSTS
from annex_actors.layers import INITIALIZERS, LAYERS
from annex_actors.layers.parse import encloses
from annex_actors.metrics import METRICS
from annex_actors.optimizers import LEARNING_RATES, OPTIMIZERS
from tests import tables

TABLES: dict[str, Mapping[str, Any]] = {
    "layers": LAYERS,
    "initializers": INITIALIZERS,
    "costs": COSTS,
    "optimizers": OPTIMIZERS,
    "rates": LEARNING_RATES,
}

PAGES = {**TABLES, "metrics": METRICS}

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


@pytest.mark.parametrize("command", PAGES)
def test_every_entry_has_a_page_that_fits_the_terminal(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, entry in PAGES[command].items():
        assert main([command, name]) == 0
        page = capsys.readouterr().out
        assert max(map(cell_len, page.splitlines())) <= 80
        assert page.split(" ")[0].strip().startswith(name)
        assert " ".join(page_of(entry).split()) in " ".join(page.split())


def test_the_page_of_a_layer_tells_settings_formula_shapes_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    page = shown_by(capsys, "layers", "conv2d")
    assert page.startswith("conv2d filters kernel_size stride=1 padding=valid ")
    assert "`y[i, j] = sum(x[window i, j] * weight, channels too) + bias`" in page
    assert "Samples have the shape `(height, width, channels)`, outputs `(down, across, filters)`" in page
    assert "Source: LeCun, Bottou, Bengio, Haffner (1998)" in page


@pytest.mark.parametrize("command", PAGES)
def test_a_page_for_no_entry_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "nothing_of_the_kind"]) == 2
    assert "got 'nothing_of_the_kind'" in capsys.readouterr().err


WORDS = {
    *("linear", "flatten", "reshape", "permute", "sequence", "repeat", "add", "fork", "rotate", "join", "concatenate"),
    *("unmask", "freeze", "learning_rate"),
}
"""Layers without a source: they move arrays, or say something of other layers."""


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_its_formula_shapes_and_source(name: str) -> None:
    page = page_of(LAYERS[name])
    assert "`" in page or name in WORDS
    assert "shape" in page.lower() or encloses(LAYERS[name])
    assert ("Source:" in page) != (name in WORDS)


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
