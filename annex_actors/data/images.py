"""The user's own pictures: a folder with a folder for each class, such as ``faces/anna/1.png``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, message_of
from annex_actors.base.files import memory, open_file, reading
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.labels import check_classes

SUFFIXES = (".jpeg", ".jpg", ".pgm", ".png")
_FORMATS = ("JPEG", "PNG", "PPM")  # PPM reads PGM too
_GRAY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")

_MOST_PIXELS = 2**25
"""Pixels of a picture: a small file must not become one that fills the memory."""


def read_images(
    path: str | Path, *, size: Sequence[int] | None = None, test_fraction: float = 0.2, seed: int = 0
) -> Dataset:
    """Return the pictures in a folder that holds a folder of PNG, JPEG or PGM files for each class.

    A picture becomes numbers in [0, 1] (pixels / 255) of shape ``(height, width, channels)``: one channel if all
    pictures are gray, otherwise three. Transparency is left out. Other files and hidden ones are not read.

    Args:
        path: the folder; the names of the folders in it, sorted, are the classes.
        size: height and width to which each picture is resized; None: they have one size.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.

    Raises:
        DataError: no folder, a class without pictures, a link that leads out of the folder, a file that is no picture,
            one of more than 32 million pixels or of more than 8 bits a channel, several sizes, or more than this
            machine's memory holds; the message names the file.
        ConfigError: an argument of another kind or out of range; or Pillow is not installed (extra ``images``).
    """
    path, wanted = checks.path("path", path), _size(size)
    pillow = _pillow()
    with reading(path):
        files = list(_files(path))
        pictures = [_picture(pillow, file, wanted) for file in files]
        inputs = _stacked(pictures, files)
        dataset = Dataset.from_arrays(
            inputs,
            np.array([file.parent.name for file in files]),
            test_fraction=test_fraction,
            seed=seed,
            name=path.resolve().name,
            source=f"pictures in {path}, pixels / 255, split seed {seed}",
        )
        check_classes(dataset.classes)
        return dataset


def _size(size: Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    given = checks.several("size", size, "a height and a width")
    if len(given) != 2:
        raise ConfigError(f"expected `size` to be a height and a width, got {shown(size)}")
    height, width = (
        checks.whole_number(f"size[{axis}]", each, at_least=1, limit=2**12) for axis, each in enumerate(given)
    )
    return height, width


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError(
            "expected Pillow, which reads pictures, to be installed, got none; pip install annex-actors[images]"
        ) from error
    module: ModuleType = Image
    return module


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


def _picture(pillow: ModuleType, file: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return the pixels of a file, shape ``(height, width, channels)``."""
    with reading(file), open_file(file) as stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pillow.DecompressionBombWarning)
                image = pillow.open(stream, formats=_FORMATS)
                _check(image)
                return _pixels(pillow, image, size)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # Pillow raises errors of every type where bytes are damaged
            raise DataError(f"expected a picture, got: {message_of(error)}; get the file again") from error


def _check(image: Any) -> None:
    """Refuse a picture by its header, before its pixels are decoded."""
    pixels = image.width * image.height
    if pixels > _MOST_PIXELS:
        raise DataError(f"expected at most {counted(_MOST_PIXELS, 'pixel')}, got {pixels:,}; make it smaller")
    if image.mode not in (*_GRAY, *_COLOUR):
        raise DataError(f"expected 8 bits a channel, gray or colour, got Pillow's mode {image.mode}; convert it")


def _pixels(pillow: ModuleType, image: Any, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    plain = image.convert("L" if image.mode in _GRAY else "RGB")
    if size is not None:
        plain = plain.resize(size[::-1], pillow.Resampling.BILINEAR)
    pixels = np.asarray(plain, np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _stacked(pictures: Sequence[NDArray[np.uint8]], files: Sequence[Path]) -> NDArray[np.float32]:
    shape, channels = pictures[0].shape[:2], max(each.shape[2] for each in pictures)
    for each, file in zip(pictures, files, strict=True):
        if each.shape[:2] != shape:
            raise DataError(
                f"expected pictures of one size, got {shape} in {files[0].name} and {each.shape[:2]} in "
                f"{file.parent.name}/{file.name}; give read_images a size=(height, width)"
            )
    numbers = len(pictures) * shape[0] * shape[1] * channels
    if 4 * numbers > memory():
        raise DataError(f"expected pictures that fit into memory, got {counted(4 * numbers, 'byte')}; give a size")
    inputs = np.empty((len(pictures), *shape, channels), np.float32)
    for row, each in enumerate(pictures):
        inputs[row] = each / np.float32(255)  # one channel of gray fills three
    return inputs
