"""Pictures in files, decoded when they are read; and how one picture becomes numbers, in memory too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import ConfigError, DataError, message_of
from annex_actors.base.files import open_file, reading
from annex_actors.base.types import DType, Shape
from annex_actors.base.words import counted
from annex_actors.data.sources.stored import FLOAT32, StoredInputs
from annex_actors.data.sources.version import Version

_FORMATS = ("JPEG", "PNG", "PPM")  # PPM reads PGM too
_GRAY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")

_MOST_PIXELS = 2**25
"""Pixels of a picture: a small file must not become one that fills the memory."""

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class PictureFiles:
    """Pictures of one size in files; a `Source`.

    Args:
        folder: that all of them are in, absolute.
        files: their paths in it.
        versions: of the files when they were opened.
        size: to which each is resized; None: they have one size.
        picture_shape: ``(height, width, channels)``.
    """

    folder: Path
    files: tuple[str, ...]
    versions: tuple[Version, ...]
    size: Size | None
    picture_shape: Shape

    @property
    def dtype(self) -> DType:
        """Float32."""
        return FLOAT32

    @property
    def shape(self) -> Shape:
        """``(pictures, height, width, channels)``."""
        return (len(self.files), *self.picture_shape)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return pictures by their numbers, decoded: pixels / 255."""
        module, found = pillow(), np.empty((len(rows), *self.picture_shape), np.float32)
        for at, row in enumerate(rows.tolist()):
            file = self.folder / self.files[row]
            pixels, _ = read_picture(module, file, self.size, expected=self.versions[row])
            found[at] = as_numbers(pixels)
        return found


def stored_pictures(folder: Path, files: Sequence[Path], size: Size | None) -> StoredInputs:
    """Return pictures that stay in their files, after each has been decoded once.

    Args:
        folder: that all of them are in.
        files: the pictures, in the order of their rows.
        size: to which each is resized; None: they must have one size.

    Raises:
        DataError: a file that is no picture, or several sizes; the message names the file.
    """
    module, folder = pillow(), folder.absolute()
    shapes, versions = [], []
    for file in files:
        pixels, version = read_picture(module, file, size)
        shapes.append(pixels.shape)
        versions.append(version)
    shape = common_shape(shapes, files)
    names = tuple(os.path.relpath(file.absolute(), folder) for file in files)
    return StoredInputs(PictureFiles(folder, names, tuple(versions), size, shape), is_checked=True)


def pillow() -> ModuleType:
    """Return Pillow's module ``Image``.

    Raises:
        ConfigError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError(
            "expected Pillow, which reads pictures, to be installed, got none; pip install annex-actors[images]"
        ) from error
    module: ModuleType = Image
    return module


def read_picture(
    pillow: ModuleType, file: Path, size: Size | None, *, expected: Version | None = None
) -> tuple[NDArray[np.uint8], Version]:
    """Return the pixels of a file, shape ``(height, width, channels)``, and its version.

    Args:
        pillow: Pillow's module ``Image``.
        file: the picture.
        size: to which it is resized; None: it keeps its own.
        expected: the version that the file must be of; None: any.

    Raises:
        DataError: no picture, or one that is too large or of more than 8 bits a channel; the message names the file.
    """
    with reading(file), open_file(file) as stream:
        found = os.fstat(stream.fileno())
        if expected is not None:
            expected.check(found)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pillow.DecompressionBombWarning)
                image = pillow.open(stream, formats=_FORMATS)
                _check(image)
                pixels = _pixels(pillow, image, size)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # Pillow raises errors of every type where bytes are damaged
            raise DataError(f"expected a picture, got: {message_of(error)}; get the file again") from error
        version = Version.of(found)
        version.check(os.fstat(stream.fileno()))
        return pixels, version


def common_shape(shapes: Sequence[Shape], files: Sequence[Path]) -> Shape:
    """Return the shape of all pictures: one channel if all are gray, otherwise three.

    Raises:
        DataError: pictures of several sizes.
    """
    first = shapes[0][:2]
    for shape, file in zip(shapes, files, strict=True):
        if shape[:2] != first:
            raise DataError(
                f"expected pictures of one size, got {first} in {files[0].name} and {shape[:2]} in "
                f"{file.parent.name}/{file.name}; give read_images a size=(height, width)"
            )
    return (*first, max(shape[2] for shape in shapes))


def as_numbers(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels as numbers in [0, 1]."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def _check(image: Any) -> None:
    """Refuse a picture by its header, before its pixels are decoded."""
    pixels = image.width * image.height
    if pixels > _MOST_PIXELS:
        raise DataError(f"expected at most {counted(_MOST_PIXELS, 'pixel')}, got {pixels:,}; make it smaller")
    if image.mode not in (*_GRAY, *_COLOUR):
        raise DataError(f"expected 8 bits a channel, gray or colour, got Pillow's mode {image.mode}; convert it")


def _pixels(pillow: ModuleType, image: Any, size: Size | None) -> NDArray[np.uint8]:
    plain = image.convert("L" if image.mode in _GRAY else "RGB")
    if size is not None:
        plain = plain.resize(size[::-1], pillow.Resampling.BILINEAR)
    pixels = np.asarray(plain, np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)
