"""Load a data set by its name, or from the user's own file, whatever is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import Enum, auto
from pathlib import Path
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.data.catalog import ANNEX, CLOTHES, DATA, made
from annex_actors.data.dataset import Dataset
from annex_actors.data.division import Division
from annex_actors.data.fashion_mnist import cache_folder, download, fashion_mnist, find, search_path
from annex_actors.data.images import lists_pictures, read_images
from annex_actors.data.npz import read_npz
from annex_actors.data.packaged import PACKAGED
from annex_actors.data.sequences import holds_sequences, read_sequences
from annex_actors.data.sources.stored import are_large
from annex_actors.data.tables.columns import Table
from annex_actors.data.tables.parquet_table import ParquetTable
from annex_actors.data.tables.read import file_of, is_table, read_table
from annex_actors.data.transforms.choices import Label, labels_named
from annex_actors.data.transforms.target import Task

_TEST_FRACTION, _LONG = 0.2, 100
_FOREIGN = frozenset({".xlsx", ".xls", ".ods"})
"""How tables of other forms end, which other programs can save as ``.csv``."""


class _Form(Enum):
    """What a name stands for. A table is one of cells or one that lists pictures, which is seen once it is read."""

    MADE = auto()
    CLOTHES = auto()
    PACKAGED = auto()
    TABLE = auto()
    CELLS = auto()
    LISTING = auto()
    ARRAYS = auto()
    SEQUENCES = auto()
    PICTURES = auto()


_TABLES = (_Form.TABLE, _Form.CELLS)
_IMAGES = (_Form.TABLE, _Form.LISTING, _Form.PICTURES)
_OWN = (*_TABLES, *_IMAGES, _Form.ARRAYS, _Form.SEQUENCES)
_USED: Mapping[str, tuple[tuple[_Form, ...], str]] = {
    "label": ((*_TABLES, _Form.LISTING), "a table"),
    **dict.fromkeys(("task", "transforms", "drop", "group", "time", "split", "header"), (_TABLES, "a table of cells")),
    "in_memory": ((*_TABLES, *_IMAGES, _Form.ARRAYS), "a table, arrays or a folder of pictures"),
    "size": (_IMAGES, "pictures"),
    "color_mode": (_IMAGES, "pictures"),
    "data_dir": ((_Form.CLOTHES, _Form.PACKAGED), "fashion-mnist or the data set of a package"),
    "test_fraction": (_OWN, "a file of your own"),
}
"""For each setting what uses it, and that in words."""


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
    size: Sequence[int] | None = None,
    color_mode: str | None = None,
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
        size: height and width to which each picture is resized; None: they have one size.
        color_mode: ``grayscale`` for pictures of one channel, ``rgb`` for three; None: as they are.

    Raises:
        DataError: an unknown name, a file that cannot be read, or data that cannot be trained on.
        ConfigError: an argument of another kind or out of range, or one that this data set does not use: those of a
            table for what is none, ``data_dir`` and ``test_fraction`` for most others.
    """
    path, name = checks.path("name_or_path", name_or_path), str(name_or_path)
    folder = None if data_dir is None else user_path(checks.path("data_dir", data_dir))
    division = Division(test_fraction, validation, group, time, split, seed)  # checks them
    if task is not None:
        checks.member("task", task, Task)
    if transforms is not None:
        checks.instance("transforms", transforms, Mapping, "texts by column name")
    dropped = checks.several("drop", drop, "a list of names")
    form = _form(name, path)
    used = {
        "label": label,
        "task": task,
        "transforms": transforms or None,
        "drop": dropped or None,
        "group": group,
        "time": time,
        "split": split,
        "header": header,
        "in_memory": in_memory,
        "size": size,
        "color_mode": color_mode,
        "data_dir": data_dir,
        "test_fraction": None if test_fraction == _TEST_FRACTION else test_fraction,
    }
    _check_used(used, name, form)
    pictures: dict[str, Any] = {"size": size, "color_mode": color_mode, "in_memory": in_memory}
    if form is _Form.TABLE:
        table, file = _table(path, label, header, in_memory), file_of(path)
        is_listing = not isinstance(table, ParquetTable) and lists_pictures(table, file.parent)
        _check_used(used, name, _Form.LISTING if is_listing else _Form.CELLS)
        if is_listing:
            columns = ",".join(labels_named(table, label))
            dataset = read_images(file, label=columns, test_fraction=test_fraction, seed=seed, **pictures)
            return _validated(dataset, division)
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
                in_memory=not isinstance(table, ParquetTable) if in_memory is None else in_memory,
            )
    if form is _Form.PACKAGED:
        return PACKAGED[name].load(folder, validation=validation, seed=seed)
    return _validated(_loaded(form, name, folder, division, pictures), division)


def _form(name: str, path: Path) -> _Form:
    """Return what a name stands for.

    Raises:
        DataError: nothing that is known.
    """
    if name in DATA:
        return _Form.MADE
    if name in PACKAGED:
        return _Form.PACKAGED
    if checks.text("name", name) == CLOTHES:
        return _Form.CLOTHES
    if path.suffix == ".npz":
        return _Form.ARRAYS
    if holds_sequences(path):
        return _Form.SEQUENCES
    if is_table(name):
        return _Form.TABLE
    if os.path.isdir(user_path(path)):
        return _Form.PICTURES
    raise DataError(_unknown(name))


def _loaded(form: _Form, name: str, folder: Path | None, division: Division, pictures: Mapping[str, Any]) -> Dataset:
    path, fraction, seed = user_path(Path(name)), division.test_fraction, division.seed
    match form:
        case _Form.MADE:
            return made(name)
        case _Form.CLOTHES:
            return fashion_mnist(find(search_path(folder)) or download(cache_folder()))
        case _Form.SEQUENCES:
            return read_sequences(path, test_fraction=fraction, seed=seed)
        case _Form.ARRAYS:
            return read_npz(path, test_fraction=fraction, seed=seed, in_memory=pictures["in_memory"])
    return read_images(path, test_fraction=fraction, seed=seed, **pictures)


def _validated(dataset: Dataset, division: Division) -> Dataset:
    validation = division.validation
    return dataset if validation is None else dataset.with_validation(validation, seed=division.seed)


def _table(path: Path, label: Label, header: bool | None, in_memory: bool | None) -> Table:
    """Return the table in a file; one in Parquet may stay there."""
    if path.suffix.lower() == ".parquet" and header is None and in_memory is not True:
        table = ParquetTable(user_path(path))
        if in_memory is False or are_large(len(table) * len(table.names)):
            return table
    return read_table(path, header=header, label=label if isinstance(label, str | int) else None)


def _check_used(settings: Mapping[str, object], name: str, form: _Form) -> None:
    """Refuse a setting that this data set would ignore."""
    for setting, given in settings.items():
        forms, only = _USED[setting]
        if given is not None and form not in forms:
            raise ConfigError(
                f"expected `{setting}` with {only} only, got {shown(given)} for {shown(name)}; leave it out"
            )


def _unknown(name: str) -> str:
    known = [*DATA, CLOTHES, *PACKAGED]
    close = get_close_matches(name.lower(), known, n=1) if len(name) < _LONG else []
    if Path(name).suffix in _FOREIGN:
        hint = "save the table as .csv: spreadsheets and data frames can"
    else:
        hint = f"did you mean {close[0]}?" if close else "`annex-actors datasets` describes them"
    few = ", ".join(each for each in known if each not in ANNEX)
    return f"expected a data set of {few}, annex-..., or a path to .npz, .csv or .tsv, got {shown(name)}; {hint}"
