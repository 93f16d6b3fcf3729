"""The user's own pictures: a folder for each class, such as ``faces/anna/1.png``, or a table of paths and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes
from annex_actors.data.pictures import SUFFIXES, ColorMode, Pictures
from annex_actors.data.sources.pictures import stored_pictures
from annex_actors.data.sources.stored import are_large, as_inputs
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.tables.read import is_table, read_table

_LABELS: Mapping[Kind, type] = {Kind.INTEGER: np.int64, Kind.BOOLEAN: np.bool_, Kind.TEXT: np.str_}
"""What classes are written in, by the kind of their column."""


def read_images(
    path: str | Path,
    *,
    label: str | None = None,
    size: Sequence[int] | None = None,
    color_mode: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    in_memory: bool | None = None,
) -> Dataset:
    """Return the pictures (PNG, JPEG, PGM) in a folder that holds one for each class, or in a table of paths.

    A picture becomes numbers in [0, 1] (pixels / 255) of shape ``(height, width, channels)``: one channel if all
    pictures are gray, otherwise three. Transparency is left out. In a folder other files and hidden ones are not read.
    A table (``.csv`` and what else `read_table` reads) has a column of paths, which are relative to its own folder, and
    one of labels: text and whole numbers are classes, numbers with decimals are amounts.

    Args:
        path: the folder, whose folders' names, sorted, are the classes; or the table.
        label: the table's column of labels; the last by default.
        size: height and width to which each picture is resized; None: they have one size.
        color_mode: ``grayscale`` for one channel, ``rgb`` for three, whatever pictures are; None: as they are.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.
        in_memory: whether the decoded pictures are kept in memory; if not, each is decoded whenever it is used, with
            the same numbers, and the files must not change meanwhile. None: unless they would take more than a quarter
            of it.

    Raises:
        DataError: no folder, a class without pictures, a link that leads out of the folder; a table without a column of
            paths or with a missing cell; a file that is no picture, one of more than 32 million pixels or of more than
            8 bits a channel, several sizes, or more than this machine's memory holds. The message names the file, and
            the line of a table.
        ConfigError: an argument of another kind or out of range; or Pillow is not installed (extra ``images``).
    """
    if in_memory is not None:
        checks.boolean("in_memory", in_memory)
    options: Any = {"size": size, "color_mode": color_mode}  # which `Pictures` checks
    path, pictures = user_path(checks.path("path", path)), Pictures(**options)
    listing = _in_table(path, label) if is_table(path.name) else _in_folders(path, label)
    with reading(path):
        dataset = Dataset.from_arrays(
            _inputs(pictures, listing, path, in_memory=in_memory),
            listing.labels,
            test_fraction=test_fraction,
            seed=seed,
            name=path.resolve().name.partition(".")[0] if is_table(path.name) else path.resolve().name,
            source=f"pictures in {path}, pixels / 255, split seed {seed}",
        )
        check_classes(dataset.classes)
        return dataset


def pictures_for(path: Path, shape: Shape) -> tuple[Floats, Sequence[str] | None]:
    """Return pictures as a network takes them, and the names of their classes where they are in a folder for each.

    Args:
        path: a folder of pictures, or of folders of them, in the order of their names; or a table of their paths.
        shape: of one sample, ``(height, width, channels)``: pictures of another size are resized.

    Raises:
        DataError: see `read_images`.
        ConfigError: Pillow is not installed (extra ``images``).
    """
    height, width, channels = shape
    mode = ColorMode.GRAYSCALE if channels == 1 else ColorMode.RGB
    pictures = Pictures((height, width), mode)
    with reading(path):
        if is_table(path.name):
            table = read_table(path)
            paths = _path_column(table, None)
            files = [path.parent / name for name in paths.values]
            return pictures.read(files, lambda row: table.place(row, paths.name)), None
        files = [each for each in _inside(path, path) if _is_picture(each)]
        if files:
            return pictures.read(files), None
        files = list(_files(path))
        return pictures.read(files), [file.parent.name for file in files]


def lists_pictures(table: Table, folder: Path) -> bool:
    """Return whether a column of a table in ``folder`` holds paths of pictures, of which the first is there."""
    for column in table:
        if column.kind is Kind.TEXT and _is_path(column.values[0]) and (folder / column.values[0]).is_file():
            return True
    return False


def _is_path(cell: str | None) -> bool:
    return cell is not None and _is_picture(Path(cell))


def _inputs(pictures: Pictures, listing: _Listing, path: Path, *, in_memory: bool | None) -> Array:
    files, place = listing.files, listing.place
    if in_memory is None:
        first, _ = next(pictures.decoded(files[:1], place))
        in_memory = not are_large(len(files) * first.size)
    return pictures.read(files, place) if in_memory else as_inputs(stored_pictures(pictures, files, path, place))


@dataclass(frozen=True)
class _Listing:
    """Files of pictures, their labels, and where each is listed."""

    files: Sequence[Path]
    labels: Array
    place: Callable[[int], str] | None = None


def _in_folders(folder: Path, label: str | None) -> _Listing:
    if label is not None:
        raise ConfigError(f"expected `label` for a table only, got {shown(label)}; the folders are the classes")
    with reading(folder):
        files = list(_files(folder))
    return _Listing(files, np.array([file.parent.name for file in files]))


def _files(folder: Path) -> Iterator[Path]:
    """Return the pictures of each class, in the order of their names."""
    classes = [each for each in _inside(folder, folder) if each.is_dir()]
    if not classes:
        raise DataError("expected a folder for each class, such as cat/1.png, got none; sort the pictures into folders")
    for each in classes:
        files = [file for file in _inside(each, folder) if _is_picture(file)]
        if not files:
            raise DataError(f"expected pictures ({', '.join(SUFFIXES)}) in {each.name}, got none; remove that folder")
        yield from files


def _inside(folder: Path, root: Path) -> Iterator[Path]:
    """Return what a folder holds, sorted by name, without hidden files; refuse a link that leads out of ``root``."""
    for each in sorted(folder.iterdir()):
        if each.name.startswith("."):
            continue
        if each.is_symlink() and not each.resolve().is_relative_to(root.resolve()):
            raise DataError(f"expected files in this folder, got {each.name}, a link out of it; copy the file")
        yield each


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _in_table(path: Path, label: str | None) -> _Listing:
    table = read_table(path, label=label)
    with reading(path):
        target = _label_column(table, label)
        paths = _path_column(table, target)
        files = [path.parent / name for name in paths.values]
        return _Listing(files, _labels(table, target), lambda row: table.place(row, paths.name))


def _label_column(table: Table, label: str | None) -> Column:
    name = table.names[-1] if label is None else label
    if name not in table:
        hint = checks.did_you_mean(name, table.names)
        raise DataError(f"expected `label` to be one of {listed(table.names)}, got {shown(name)}{hint}")
    return table[name]


def _path_column(table: Table, target: Column | None) -> Column:
    """Return the first column in which each cell is the path of a picture."""
    texts = [column for column in table if column.kind is Kind.TEXT and column is not target]
    for column in texts:
        if all(map(_is_path, column.values)):
            return column
    for column in texts:  # none is whole: say which cell of the likeliest is no path
        bad = [row for row, name in enumerate(column.values) if not _is_path(name)]
        if 2 * len(bad) < len(column):
            got = "a missing cell" if column.values[bad[0]] is None else shown(column.values[bad[0]])
            raise DataError(
                f"expected the path of a picture ({', '.join(SUFFIXES)}), got {got} in "
                f"{table.place(bad[0], column.name)}; correct it or remove the line"
            )
    raise DataError(
        f"expected a column of paths of pictures ({', '.join(SUFFIXES)}) among {listed(table.names)}, got none; add one"
    )


def _labels(table: Table, target: Column) -> Array:
    """Return text, whole numbers or amounts, shape ``(rows,)``."""
    missing = np.flatnonzero(target.missing)
    if len(missing):
        raise DataError(f"expected a label, got a missing cell in {table.place(missing[0], target.name)}; fill it in")
    if target.kind is Kind.NUMBER:
        return target.values
    if target.kind is Kind.DATE:
        raise DataError(f"expected classes or amounts as labels, got dates in column {target.name}; choose another")
    return target.values.astype(_LABELS[target.kind])
