from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.costs import COSTS
from annex_actors.data import Dataset, Entry, catalog, load, register_data
from annex_actors.layers import parse_layers
from annex_actors.optimizers import OPTIMIZERS
from tests.tables import restored

INPUT_SHAPES = {
    "digits": (64,),
    "iris": (4,),
    "wine": (13,),
    "breast-cancer": (30,),
    "diabetes": (10,),
    "xor": (2,),
    "fish": (5,),
    "fashion-mnist": (28, 28, 1),
    "faces": (112, 92, 1),
    "mnist-5000": (28, 28, 1),
    "phishing": (9,),
    "spam": (57,),
    "letters": (16,),
    "intrusions": (48,),
    "insurance": (85,),
    "speakers": (25, 12),
    "german-credit": (60,),
    "reuters-corn": (4096,),
    "reuters-grain": (4096,),
    "annex-xor": (2,),
    "annex-xor-two-outputs": (2,),
    "annex-xor-deep": (2,),
    "annex-and": (3,),
    "annex-people": (2,),
    "annex-left-true": (2,),
    "annex-iris": (4,),
    "annex-perceptron": (3,),
}
OUTPUTS = {
    "digits": 10,
    "iris": 3,
    "wine": 3,
    "breast-cancer": 2,
    "xor": 2,
    "fish": 2,
    "fashion-mnist": 10,
    "faces": 40,
    "mnist-5000": 10,
    "phishing": 2,
    "spam": 2,
    "letters": 26,
    "intrusions": 2,
    "insurance": 2,
    "speakers": 9,
    "german-credit": 2,
    "reuters-corn": 2,
    "reuters-grain": 2,
    "annex-xor-two-outputs": 2,
    "annex-iris": 3,
}
"""The others have one: an amount, or the probability of the second of two classes."""

entries = pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)


def test_the_catalogue_lists_the_default_first() -> None:
    assert [entry.name for entry in catalog()] == list(INPUT_SHAPES)


@entries
def test_an_entry_that_needs_no_network_loads_under_its_name(entry: Entry) -> None:
    if not entry.available:
        pytest.skip(f"{entry.name} is not on this machine")
    dataset = load(entry.name)
    assert (dataset.name, dataset.input_shape) == (entry.name, INPUT_SHAPES[entry.name])
    assert (dataset.classes is None) == (entry.task == "regression")


@entries
def test_the_suggested_network_has_the_right_outputs(entry: Entry) -> None:
    shapes = parse_layers(entry.suggested.layers).shapes(INPUT_SHAPES[entry.name])
    assert shapes[-1] == (OUTPUTS.get(entry.name, 1),)


@entries
def test_suggested_cost_and_optimizer_exist(entry: Entry) -> None:
    assert entry.suggested.cost in COSTS
    assert entry.suggested.optimizer in OPTIMIZERS


def test_an_entry_that_would_be_downloaded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.data.fashion_mnist.DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (entry,) = (each for each in catalog() if each.name == "fashion-mnist")
    assert not entry.available
    assert entry.where.startswith("a download of 30 MB, or Debian's package")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("digit", r"got 'digit'; did you mean digits\?"),
        ("Fashion_MNIST", r"did you mean fashion-mnist\?"),
        ("penguins", "`annex-actors datasets` describes them"),
        ("table.xlsx", "annex-..., or a path to .npz, .csv or .tsv, got 'table.xlsx'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(DataError, match="expected a data set of digits, iris, wine, breast-cancer, ") as caught:
        load(name)
    caught.match(hint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["digits", "mine.npz"])
def test_a_label_column_is_for_tables_only(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"expected `label` with a table only, got 'y' for '{name}'; leave it out"):
        load(name, label="y")


def mine() -> Dataset:
    return Dataset.from_arrays([[0.0], [1.0]], [0.5, 1.5], test_fraction=0, name="mine")


def test_a_data_set_of_your_own_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    register_data("mine", mine)
    assert load("mine").train.targets.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("name", ["iris", "fashion-mnist", "annex-xor", "two words", ""])
def test_a_name_that_is_taken_or_no_word_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a new name for the data set"):
        register_data(name, mine)


def test_what_makes_no_data_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    with pytest.raises(ConfigError, match="expected `made` to be a function that returns a data set"):
        register_data("mine", mine())  # type: ignore[arg-type]
    register_data("mine", lambda: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(ConfigError, match="expected `mine` to be a Dataset, such as"):
        load("mine")
    register_data("mine", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(DataError, match="expected the data set mine, got ZeroDivisionError: division by zero"):
        load("mine")
