"""The data sets known by name: where each comes from, and settings that train it well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.files import user_path
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.data.annex import annex_and, annex_iris, annex_left_true, annex_people, annex_xor
from annex_actors.data.dataset import Dataset
from annex_actors.data.entry import Entry, Suggestion
from annex_actors.data.fashion_mnist import find, search_path
from annex_actors.data.generated import FISH, FISH_FEATURES, fish, xor
from annex_actors.data.packaged import PACKAGED
from annex_actors.data.shipped import breast_cancer, diabetes, digits, iris, wine


def _amounts(layers: str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "mean_squared_error", "adam", 0.05, batch_size, epochs)


def _softmax(layers: str, learning_rate: float | str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "softmax_cross_entropy", "adam", learning_rate, batch_size, epochs)


CLOTHES = "fashion-mnist"
ANNEX: Mapping[str, Callable[[str], Dataset]] = MappingProxyType(
    {
        "annex-xor": annex_xor,
        "annex-xor-two-outputs": annex_xor,
        "annex-xor-deep": annex_xor,
        "annex-and": annex_and,
        "annex-people": annex_people,
        "annex-left-true": annex_left_true,
        "annex-iris": annex_iris,
        "annex-perceptron": annex_and,
    }
)
"""Annex's tasks: a data set for each network that is suggested for it."""

DATA: Table[Callable[[], Dataset]] = Table(
    "data set",
    {
        "digits": digits,
        "iris": iris,
        "wine": wine,
        "breast-cancer": breast_cancer,
        "diabetes": diabetes,
        "xor": xor,
        "fish": fish,
        **{name: partial(made, name) for name, made in ANNEX.items()},
    },
)
"""What makes each data set that is not read from files, by name."""

_SUGGESTED: Mapping[str, Suggestion] = MappingProxyType(
    {
        "digits": _softmax("dense:128 relu dropout:0.1 dense:10", 0.003, 32, 20),
        "iris": _softmax("dense:16 tanh dense:3", 0.01, 10, 60),
        "wine": _softmax("dense:16 tanh dense:3", 0.01, 16, 30),
        "breast-cancer": _softmax("dense:16 tanh dense:2", 0.003, 32, 30),
        "diabetes": Suggestion("dense:64 relu dropout:0.5 dense:1", "mean_squared_error", "adam", 0.001, 32, 100),
        "xor": _softmax("dense:8 tanh dense:2", 0.05, 4, 200),
        "fish": _softmax("dense:32 relu dense:32 relu dense:2", 0.003, 64, 40),
        "fashion-mnist": _softmax(
            "flatten dense:512 relu dropout:0.1 dense:256 relu dense:10", "cosine:0.002:9380:minimum=0.0001", 64, 10
        ),
        "annex-xor": _amounts("dense:8 tanh dense:1 sigmoid", 4, 200),
        "annex-xor-two-outputs": _amounts("dense:11 tanh dense:2 sigmoid", 4, 200),
        "annex-xor-deep": _amounts("dense:8 tanh dense:8 sigmoid dense:8 sigmoid dense:1 sigmoid", 4, 300),
        "annex-and": _amounts("dense:11 tanh dense:1 tanh", 7, 200),
        "annex-people": _amounts("dense:2 tanh dense:1 sigmoid", 4, 200),
        "annex-left-true": _amounts("dense:3 tanh dense:1 tanh", 4, 200),
        "annex-iris": _softmax("l2:0.003( dense:10 tanh ) dense:3", 0.1, 100, 200),
        "annex-perceptron": Suggestion("dense:1 step", "mean_squared_error", "sgd", 0.05, 1, 40),
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
    given = None if data_dir is None else user_path(checks.path("data_dir", data_dir))
    folder = find(search_path(given))
    clothes = str(folder or "a download of 30 MB, or Debian's package dataset-fashion-mnist, or --data-dir")
    return (
        _classification("digits", "handwritten digits of 8x8 pixels, 10 classes", 1797, 64, shipped),
        _classification("iris", "iris flowers, 4 measurements, 3 species", 150, 4, shipped),
        _classification("wine", "wines, 13 measurements, 3 growers", 178, 13, shipped),
        _classification("breast-cancer", "tumours, 30 measurements, malignant or benign", 569, 30, shipped),
        Entry(
            "diabetes",
            "progress of diabetes in a year, 10 measurements",
            "regression",
            442,
            10,
            shipped,
            True,
            _SUGGESTED["diabetes"],
        ),
        _classification("xor", "exclusive or", 4, 2, generated),
        _classification("fish", "lunges of fish at a shrimp: caught or escapes", FISH, len(FISH_FEATURES), generated),
        _classification(
            "fashion-mnist", "pictures of clothes of 28x28 pixels, 10 classes", 70_000, 784, clothes, folder is not None
        ),
        *(each.entry(name, given) for name, each in PACKAGED.items()),
        _classification("annex-xor", "Annex: exclusive or, 2-8-1", 4, 2, generated),
        _classification("annex-xor-two-outputs", "Annex: exclusive or, 2-11-2", 4, 2, generated),
        _classification("annex-xor-deep", "Annex: exclusive or, 2-8-8-8-1", 4, 2, generated),
        _classification("annex-and", "Annex: a and b and c, 3-11-1", 7, 3, generated),
        _classification("annex-people", "Annex: male or female, by weight and height, 2-2-1", 4, 2, generated),
        _classification("annex-left-true", "Annex: the first of two, 2-3-1", 4, 2, generated),
        _classification("annex-iris", "Annex: iris flowers, 4-10-3", 150, 4, shipped),
        _classification("annex-perceptron", "Annex: a and b and c, by a perceptron, 3-1", 7, 3, generated),
    )


def _classification(
    name: str, description: str, samples: int, features: int, where: str, available: bool = True
) -> Entry:
    return Entry(name, description, "classification", samples, features, where, available, _SUGGESTED[name])


def register_data(name: str, made: Callable[[], Dataset]) -> None:
    """Register your own data set by name, for `load`, config files and the command line (``--load FILE``).

    Args:
        name: one word. It replaces your earlier data set of that name.
        made: called without arguments for each use; returns the data set. It must return the same numbers every time:
            a run that is resumed with other data is refused.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``made`` is no such function.
    """
    checks.function("made", made, 0, wanted="a function that returns a data set")
    if isinstance(name, str) and name in (*PACKAGED, CLOTHES):
        raise ConfigError(f"expected a new name for the data set, got {shown(name)}; it is read from files")
    DATA.register(name, made)


def made(name: str) -> Dataset:
    """Return a data set that a function makes; what that raises is an error of one line."""
    try:
        found = DATA[name]()
    except UserError:
        raise
    except Exception as error:  # a user's own function may raise anything
        raise DataError(f"expected the data set {name}, got {type(error).__name__}: {message_of(error)}") from error
    return checks.instance(name, found, Dataset, "a Dataset, such as Dataset.from_arrays(inputs, targets)")
