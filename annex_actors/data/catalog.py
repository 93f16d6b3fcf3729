"""The data sets known by name: where each comes from, and settings that train it well."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.data.annex import annex_and, annex_iris, annex_left_true, annex_people, annex_xor
from annex_actors.data.dataset import Dataset
from annex_actors.data.division import Division
from annex_actors.data.entry import Entry, Suggestion
from annex_actors.data.fashion_mnist import cache_folder, download, fashion_mnist, find, search_path
from annex_actors.data.generated import FISH, FISH_FEATURES, fish, xor
from annex_actors.data.images import lists_pictures, read_images
from annex_actors.data.npz import read_npz
from annex_actors.data.packaged import PACKAGED
from annex_actors.data.sequences import holds_sequences, read_sequences
from annex_actors.data.shipped import breast_cancer, diabetes, digits, iris, wine
from annex_actors.data.sources.stored import are_large
from annex_actors.data.tables.columns import Table as CellTable
from annex_actors.data.tables.parquet_table import ParquetTable
from annex_actors.data.tables.read import file_of, is_table, read_table
from annex_actors.data.transforms.choices import Label, labels_named
from annex_actors.data.transforms.target import Task


def _amounts(layers: str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "mean_squared_error", "adam", 0.05, batch_size, epochs)


def _softmax(layers: str, learning_rate: float | str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "softmax_cross_entropy", "adam", learning_rate, batch_size, epochs)


_CLOTHES, _TEST_FRACTION = "fashion-mnist", 0.2
_LONG = 100
_FOREIGN = frozenset({".xlsx", ".xls", ".ods"})
"""How tables of other forms end, which other programs can save as ``.csv``."""

_ANNEX: Mapping[str, Callable[[str], Dataset]] = MappingProxyType(
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
        **{name: partial(made, name) for name, made in _ANNEX.items()},
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


def load(
    name_or_path: str | Path,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    label: Label = None,
    task: str | None = None,
    transforms: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    header: bool | None = None,
    test_fraction: float = _TEST_FRACTION,
    validation: float | None = None,
    in_memory: bool | None = None,
) -> Dataset:
    """Return a data set of the catalogue, or the data set in your own file: a table, arrays, or a folder of pictures.

    Args:
        name_or_path: a name in `catalog`, or one of your own (`register_data`); or a path that ends as a table's does
            (see `annex_actors.data.tables.read_table`), in ``.npz`` (see `read_npz`) or in ``.jsonl`` (see
            `read_sequences`), or to a folder of pictures or a table of their paths (see `read_images`).
        data_dir: a folder that may hold the files of ``fashion-mnist``, or of a data set that a package ships; searched
            before all others.
        seed: decides how your own file is split into training and test samples, and which are set apart for validation.
            The test samples of the catalogue's data sets are fixed, so that accuracies of different seeds are
            comparable.
        label: the column of a table to predict, by name or by index (negative from the end); the last by default.
            Several names with commas between them are several amounts, or truth values as 0 and 1.
        task: ``classification`` or ``regression``, for a table; by default labels that are text, truth values or whole
            numbers are classes, unless whole numbers are many, and numbers with decimals are amounts.
        transforms: of some columns of a table, by name, such as ``impute standardise`` or ``drop``; other columns get
            what fits their kind.
        drop: names of columns of a table to leave out.
        group: the column of a table that tells groups of rows, such as the pictures of a person; each is in one part
            only.
        time: the column of a table by which rows are in order: the last are to test on, those before for validation.
        split: the column of a table that says ``train``, ``test`` or ``validation``.
        header: whether the first line of a table holds names; None: found out.
        test_fraction: the fraction of your own file to test on, in [0, 1); 0 tests on the training samples.
        validation: the fraction of the training samples to set apart for validation, in (0, 1); None: none.
        in_memory: whether inputs of an ``.npz`` file or a table, or pictures of a folder, are kept in memory; if not,
            they are read whenever they are used, with the same numbers. Those of a table are prepared once, and written
            to a file of the cache; of a Parquet file only one column is in memory at a time. None: unless they would
            take more than a quarter of it.

    Raises:
        DataError: an unknown name, a file that cannot be read, or data that cannot be trained on.
        ConfigError: an argument of another kind or out of range, or one that this data set does not use: those of a
            table for what is none, ``data_dir`` and ``test_fraction`` for most others.
    """
    path, name = checks.path("name_or_path", name_or_path), str(name_or_path)
    folder = None if data_dir is None else user_path(checks.path("data_dir", data_dir))
    own = Division(test_fraction, validation, group, time, split, seed)  # checks them
    if task is not None:
        checks.member("task", task, Task)
    if transforms is not None:
        checks.instance("transforms", transforms, Mapping, "texts by column name")
    dropped = checks.several("drop", drop, "a list of names")
    known = name in DATA or name in PACKAGED or name == _CLOTHES
    has_sequences = not known and holds_sequences(path)
    is_own = not known and not has_sequences and is_table(name)
    is_file = is_own or has_sequences or path.suffix == ".npz"
    if not known and not is_file and not os.path.isdir(user_path(path)):
        raise DataError(_unknown(name))  # before any setting: what the file is comes first
    of_table = {
        "label": label,
        "task": task,
        "transforms": transforms or None,
        "drop": dropped or None,
        "group": group,
        "time": time,
        "split": split,
        "header": header,
    }
    for setting, given in of_table.items():
        _check_used(setting, given, name, is_own, "a table")
    _check_used("in_memory", in_memory, name, not (known or has_sequences), "a table, arrays or a folder of pictures")
    _check_used("data_dir", data_dir, name, name in (*PACKAGED, _CLOTHES), "fashion-mnist or the data set of a package")
    own_split = None if test_fraction == _TEST_FRACTION else test_fraction
    _check_used("test_fraction", own_split, name, name not in (*DATA, *PACKAGED, _CLOTHES), "a file of your own")
    if is_own:
        table = _table(path, label, header, in_memory)
        file, is_stored = file_of(path), isinstance(table, ParquetTable)
        if not is_stored and lists_pictures(table, file.parent):
            for setting, given in of_table.items():
                _check_used(setting, given, name, setting == "label", "a table without paths of pictures")
            columns = ",".join(labels_named(table, label))
            pictures = read_images(file, label=columns, test_fraction=test_fraction, seed=seed, in_memory=in_memory)
            return pictures if validation is None else pictures.with_validation(validation, seed=seed)
        with reading(file):
            return Dataset.from_table(
                table,
                label=label,
                transforms=transforms,
                drop=dropped,
                task=task,
                test_fraction=test_fraction,
                validation=validation,
                group=group,
                time=time,
                split=split,
                seed=seed,
                name=file.name.partition(".")[0] or file.name,
                in_memory=not is_stored if in_memory is None else in_memory,
            )
    if name in PACKAGED:
        return PACKAGED[name].load(folder, validation=validation, seed=seed)
    dataset = _loaded(name, user_path(path), folder, own, in_memory)
    return dataset if validation is None else dataset.with_validation(validation, seed=seed)


def _table(path: Path, label: Label, header: bool | None, in_memory: bool | None) -> CellTable:
    """Return the table in a file; one in Parquet may stay there."""
    if path.suffix.lower() == ".parquet" and header is None and in_memory is not True:
        table = ParquetTable(user_path(path))
        if in_memory is False or are_large(len(table) * len(table.names)):
            return table
    return read_table(path, header=header, label=label if isinstance(label, str | int) else None)


def _loaded(name: str, path: Path, folder: Path | None, division: Division, in_memory: bool | None) -> Dataset:
    if name in DATA:
        return _made(name)
    if checks.text("name", name) == _CLOTHES:
        return fashion_mnist(find(search_path(folder)) or download(cache_folder()))
    if holds_sequences(path):
        return read_sequences(path, test_fraction=division.test_fraction, seed=division.seed)
    read = read_npz if path.suffix == ".npz" else read_images
    return read(path, test_fraction=division.test_fraction, seed=division.seed, in_memory=in_memory)


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
    if isinstance(name, str) and name in (*PACKAGED, _CLOTHES):
        raise ConfigError(f"expected a new name for the data set, got {shown(name)}; it is read from files")
    DATA.register(name, made)


def _made(name: str) -> Dataset:
    try:
        made = DATA[name]()
    except UserError:
        raise
    except Exception as error:  # a user's own function may raise anything
        raise DataError(f"expected the data set {name}, got {type(error).__name__}: {message_of(error)}") from error
    return checks.instance(name, made, Dataset, "a Dataset, such as Dataset.from_arrays(inputs, targets)")


def _check_used(setting: str, given: object, name: str, is_used: bool, only: str) -> None:
    """Refuse a setting that this data set would ignore."""
    if given is not None and not is_used:
        raise ConfigError(f"expected `{setting}` with {only} only, got {shown(given)} for {shown(name)}; leave it out")


def _unknown(name: str) -> str:
    known = [*DATA, _CLOTHES, *PACKAGED]
    close = get_close_matches(name.lower(), known, n=1) if len(name) < _LONG else []
    if Path(name).suffix in _FOREIGN:
        hint = "save the table as .csv: spreadsheets and data frames can"
    else:
        hint = f"did you mean {close[0]}?" if close else "`annex-actors datasets` describes them"
    few = ", ".join(each for each in known if each not in _ANNEX)
    return f"expected a data set of {few}, annex-..., or a path to .npz, .csv or .tsv, got {shown(name)}; {hint}"
