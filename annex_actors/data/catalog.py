"""The data sets known by name: where each comes from, and settings that train it well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import user_path
from annex_actors.base.shown import shown
from annex_actors.data.dataset import Dataset
from annex_actors.data.fashion_mnist import cache_folder, download, fashion_mnist, find, search_path
from annex_actors.data.generated import FISH, FISH_FEATURES, fish, xor
from annex_actors.data.npz import read_npz
from annex_actors.data.shipped import digits, iris
from annex_actors.data.table import read_csv


@dataclass(frozen=True)
class Suggestion:
    """Settings that train a data set well: a starting point.

    Args:
        layers: the network as text; see `parse_layers`.
        cost: the cost's name.
        optimizer: the optimizer's name.
        learning_rate: its step size, or the text of a rule for it, such as ``inverse_time:0.0015:0.002``.
        batch_size: samples in a batch.
        epochs: passes over the training set.
    """

    layers: str
    cost: str
    optimizer: str
    learning_rate: float | str
    batch_size: int
    epochs: int


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue.

    Args:
        name: its name, for `load`.
        description: one line.
        task: classification or regression.
        samples: how many there are, for training and testing together.
        features: how many numbers a sample has.
        where: where `load` would find it on this machine now.
        available: whether `load` needs no network connection.
        suggested: settings that train it well.
    """

    name: str
    description: str
    task: Literal["classification", "regression"]
    samples: int
    features: int
    where: str
    available: bool
    suggested: Suggestion


def _softmax(layers: str, learning_rate: float | str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "softmax_cross_entropy", "adam", learning_rate, batch_size, epochs)


_CLOTHES, _TEST_FRACTION = "fashion-mnist", 0.2
_MOST_COLUMNS, _LONG = 2**31, 100

_BUILT_IN: Mapping[str, Callable[[], Dataset]] = MappingProxyType(
    {"digits": digits, "iris": iris, "xor": xor, "fish": fish}
)

_SUGGESTED: Mapping[str, Suggestion] = MappingProxyType(
    {
        "digits": _softmax("dense:128 relu dropout:0.1 dense:10", 0.003, 32, 20),
        "iris": _softmax("dense:16 tanh dense:3", 0.01, 10, 60),
        "xor": _softmax("dense:8 tanh dense:2", 0.05, 4, 200),
        "fish": _softmax("dense:32 relu dense:32 relu dense:2", 0.003, 64, 40),
        "fashion-mnist": _softmax(
            "flatten dense:512 relu dropout:0.1 dense:256 relu dense:10", "inverse_time:0.0015:0.002", 128, 10
        ),
    }
)


def catalog(*, data_dir: str | Path | None = None) -> tuple[Entry, ...]:
    """Return the data sets that `load` knows by name, the default first.

    Args:
        data_dir: a folder to search first, as for `load`.

    Raises:
        ConfigError: ``data_dir`` is not a path.
    """
    shipped, generated = "shipped with scikit-learn", "generated"
    folder = find(search_path(None if data_dir is None else checks.path("data_dir", data_dir)))
    clothes = str(folder or "a download of 30 MB, or Debian's package dataset-fashion-mnist, or --data-dir")
    return (
        _classification("digits", "handwritten digits of 8x8 pixels, 10 classes", 1797, 64, shipped),
        _classification("iris", "iris flowers, 4 measurements, 3 species", 150, 4, shipped),
        _classification("xor", "exclusive or", 4, 2, generated),
        _classification("fish", "lunges of fish at a shrimp: caught or escapes", FISH, len(FISH_FEATURES), generated),
        _classification(
            "fashion-mnist", "pictures of clothes of 28x28 pixels, 10 classes", 70_000, 784, clothes, folder is not None
        ),
    )


def _classification(
    name: str, description: str, samples: int, features: int, where: str, available: bool = True
) -> Entry:
    return Entry(name, description, "classification", samples, features, where, available, _SUGGESTED[name])


def load(
    name_or_path: str | Path,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    label: str | int | None = None,
    test_fraction: float = _TEST_FRACTION,
) -> Dataset:
    """Return a data set of the catalogue, or the data set in your own ``.npz`` or ``.csv`` file.

    Args:
        name_or_path: a name in `catalog`, or a path that ends in ``.npz`` (see `read_npz`) or ``.csv`` (see
            `read_csv`).
        data_dir: a folder that may hold the files of ``fashion-mnist``; searched before all others.
        seed: decides how your own file is split into training and test samples. The split of the catalogue's data sets
            is fixed, so that accuracies of different seeds are comparable.
        label: the column of a ``.csv`` file that holds the target: its name, or its index (negative from the end);
            the last by default.
        test_fraction: the fraction of your own file to test on, in [0, 1); 0 tests on the training samples.

    Raises:
        DataError: an unknown name, a file that cannot be read, or data that cannot be trained on.
        ConfigError: an argument of another kind or out of range, or one that this data set does not use: ``label`` for
            a file that is not ``.csv``, ``data_dir`` and ``test_fraction`` for most others.
    """
    path, name = checks.path("name_or_path", name_or_path), str(name_or_path)
    folder = None if data_dir is None else user_path(checks.path("data_dir", data_dir))
    fraction = checks.real_number("test_fraction", test_fraction, at_least=0, below=1)
    seed = checks.whole_number("seed", seed, at_least=0, below=2**64)
    if label is not None and not isinstance(label, str):
        label = checks.whole_number("label", label, at_least=-_MOST_COLUMNS, limit=_MOST_COLUMNS)
    _check_used("label", label, name, name.endswith(".csv"), "a .csv file")
    _check_used("data_dir", data_dir, name, name == _CLOTHES, _CLOTHES)
    own_split = None if fraction == _TEST_FRACTION else fraction
    _check_used("test_fraction", own_split, name, name not in (*_BUILT_IN, _CLOTHES), "a file of your own")
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    if name == _CLOTHES:
        return fashion_mnist(find(search_path(folder)) or download(cache_folder()))
    path = user_path(path)
    if path.suffix == ".csv":
        return read_csv(path, label=label, test_fraction=fraction, seed=seed)
    if path.suffix == ".npz":
        return read_npz(path, test_fraction=fraction, seed=seed)
    raise DataError(_unknown(name))


def _check_used(setting: str, given: object, name: str, is_used: bool, only: str) -> None:
    """Refuse a setting that this data set would ignore."""
    if given is not None and not is_used:
        raise ConfigError(f"expected `{setting}` with {only} only, got {shown(given)} for {shown(name)}; leave it out")


def _unknown(name: str) -> str:
    known = [*_BUILT_IN, _CLOTHES]
    close = get_close_matches(name.lower(), known, n=1) if len(name) < _LONG else []
    hint = f"did you mean {close[0]}?" if close else "`annex-actors datasets` describes them"
    return f"expected a data set of {', '.join(known)}, or a path to .npz or .csv, got {shown(name)}; {hint}"
