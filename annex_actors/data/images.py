"""The user's own pictures: a folder with a folder for each class, such as ``faces/anna/1.png``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import memory, reading
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes
from annex_actors.data.sources.pictures import Size, as_numbers, common_shape, pillow, read_picture, stored_pictures
from annex_actors.data.sources.stored import are_large

SUFFIXES = (".jpeg", ".jpg", ".pgm", ".png")


def read_images(
    path: str | Path,
    *,
    size: Sequence[int] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    in_memory: bool | None = None,
) -> Dataset:
    """Return the pictures in a folder that holds a folder of PNG, JPEG or PGM files for each class.

    A picture becomes numbers in [0, 1] (pixels / 255) of shape ``(height, width, channels)``: one channel if all
    pictures are gray, otherwise three. Transparency is left out. Other files and hidden ones are not read.

    Args:
        path: the folder; the names of the folders in it, sorted, are the classes.
        size: height and width to which each picture is resized; None: they have one size.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.
        in_memory: whether the decoded pictures are kept in memory; if not, each is decoded whenever it is used, with
            the same numbers, and the files must not change meanwhile. None: unless they would take more than a quarter
            of it.

    Raises:
        DataError: no folder, a class without pictures, a link that leads out of the folder, a file that is no picture,
            one of more than 32 million pixels or of more than 8 bits a channel, several sizes, or more than this
            machine's memory holds; the message names the file.
        ConfigError: an argument of another kind or out of range; or Pillow is not installed (extra ``images``).
    """
    path, wanted = checks.path("path", path), _size(size)
    if in_memory is not None:
        checks.boolean("in_memory", in_memory)
    module = pillow()
    with reading(path):
        files = list(_files(path))
        if in_memory is None:
            in_memory = not are_large(len(files) * read_picture(module, files[0], wanted)[0].size)
        dataset = Dataset.from_arrays(
            _stacked(files, wanted) if in_memory else stored_pictures(path, files, wanted),
            np.array([file.parent.name for file in files]),
            test_fraction=test_fraction,
            seed=seed,
            name=path.resolve().name,
            source=f"pictures in {path}, pixels / 255, split seed {seed}",
        )
        check_classes(dataset.classes)
        return dataset


def _size(size: Sequence[int] | None) -> Size | None:
    if size is None:
        return None
    given = checks.several("size", size, "a height and a width")
    if len(given) != 2:
        raise ConfigError(f"expected `size` to be a height and a width, got {shown(size)}")
    height, width = (
        checks.whole_number(f"size[{axis}]", each, at_least=1, limit=2**12) for axis, each in enumerate(given)
    )
    return height, width


def _files(folder: Path) -> Iterator[Path]:
    """Return the pictures of each class, in the order of their names."""
    classes = [each for each in _inside(folder, folder) if each.is_dir()]
    if not classes:
        raise DataError("expected a folder for each class, such as cat/1.png, got none; sort the pictures into folders")
    for each in classes:
        files = [file for file in _inside(each, folder) if file.suffix.lower() in SUFFIXES]
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


def _stacked(files: Sequence[Path], size: Size | None) -> NDArray[np.float32]:
    module = pillow()
    pictures = [read_picture(module, file, size)[0] for file in files]
    shape = common_shape([each.shape for each in pictures], files)
    needed = len(pictures) * prod(shape) * np.dtype(np.float32).itemsize
    if needed > memory():
        raise DataError(
            f"expected pictures that fit into memory, got {counted(needed, 'byte')}; give a size, or in_memory=False"
        )
    inputs = np.empty((len(pictures), *shape), np.float32)
    for row, each in enumerate(pictures):
        inputs[row] = as_numbers(each)  # one channel of gray fills three
    return inputs
