from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.costs import COSTS
from annex_actors.data import Entry, catalog, load
from annex_actors.layers import parse_layers
from annex_actors.optimizers import OPTIMIZERS

INPUT_SHAPES = {"digits": (64,), "iris": (4,), "xor": (2,), "fish": (5,), "fashion-mnist": (28, 28, 1)}
CLASSES = {"digits": 10, "iris": 3, "xor": 2, "fish": 2, "fashion-mnist": 10}

entries = pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)


def test_the_catalogue_lists_the_default_first() -> None:
    assert [entry.name for entry in catalog()] == ["digits", "iris", "xor", "fish", "fashion-mnist"]


@entries
def test_an_entry_that_needs_no_network_loads_under_its_name(entry: Entry) -> None:
    if not entry.available:
        pytest.skip(f"{entry.name} would be downloaded")
    dataset = load(entry.name)
    assert (dataset.name, dataset.input_shape) == (entry.name, INPUT_SHAPES[entry.name])
    assert (dataset.classes is None) == (entry.task == "regression")


@entries
def test_the_suggested_network_has_an_output_for_each_class(entry: Entry) -> None:
    shapes = parse_layers(entry.suggested.layers).shapes(INPUT_SHAPES[entry.name])
    assert shapes[-1] == (CLASSES[entry.name],)


@entries
def test_suggested_cost_and_optimizer_exist(entry: Entry) -> None:
    assert entry.suggested.cost in COSTS
    assert entry.suggested.optimizer in OPTIMIZERS


def test_an_entry_that_would_be_downloaded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.data.fashion_mnist.DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    entry = catalog()[-1]
    assert not entry.available
    assert entry.where.startswith("a download of 30 MB, or Debian's package")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("digit", r"got 'digit'; did you mean digits\?"),
        ("Fashion_MNIST", r"did you mean fashion-mnist\?"),
        ("penguins", "`annex-actors datasets` describes them"),
        ("table.xlsx", "or a path to .npz or .csv, got 'table.xlsx'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(DataError, match="expected a data set of digits, iris, xor, fish, fashion-mnist, or") as caught:
        load(name)
    caught.match(hint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["digits", "mine.npz"])
def test_a_label_column_is_for_tables_only(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"expected `label` with a \.csv file only, got 'y' for '{name}'; leave it out"
    ):
        load(name, label="y")
