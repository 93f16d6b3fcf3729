"""One size and one number of channels for the pictures of some files, whatever each file holds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, message_of
from annex_actors.base.files import memory, open_file, reading
from annex_actors.base.shown import shown
from annex_actors.base.types import Shape
from annex_actors.base.words import counted
from annex_actors.data.sources.version import Version

SUFFIXES = (".jpeg", ".jpg", ".pgm", ".png")
"""How the names of pictures end."""

_FORMATS = ("JPEG", "PNG", "PPM")  # PPM reads PGM too
_GRAY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")

_MOST_PIXELS = 2**25
"""Pixels of a picture: a small file must not become one that fills the memory."""


class ColorMode(StrEnum):
    """What channels pictures have."""

    GRAYSCALE = "grayscale"
    RGB = "rgb"


@dataclass(frozen=True)
class Pictures:
    """How to make numbers in [0, 1] of pictures: pixels / 255, without transparency.

    Args:
        size: height and width to which each picture is resized, each from 1 to 4,096; None: they have one size.
        color_mode: ``grayscale`` for one channel, ``rgb`` for three; None: one if all pictures are gray, else three.

    Raises:
        ConfigError: an argument of another kind or out of range.
    """

    size: tuple[int, int] | None = None
    color_mode: ColorMode | None = None

    def __post_init__(self) -> None:
        mode = self.color_mode
        checks.keep(
            self,
            size=_size(self.size),
            color_mode=None if mode is None else checks.member("color_mode", mode, ColorMode),
        )

    def read(self, files: Sequence[Path], place: Callable[[int], str] | None = None) -> NDArray[np.float32]:
        """Return the pictures in these files, shape ``(files, height, width, channels)``.

        Args:
            files: at least one.
            place: returns where a file is listed, such as ``line 7``, for errors; None: nowhere.

        Raises:
            DataError: a file that cannot be read or is no picture, one of more than 32 million pixels or of more than
                8 bits a channel, several sizes, or more than this machine's memory holds; the message names the file.
            ConfigError: Pillow is not installed (extra ``images``).
        """
        return _stacked([pixels for pixels, _ in self.decoded(files, place)], files)

    def decoded(
        self, files: Sequence[Path], place: Callable[[int], str] | None = None
    ) -> Iterator[tuple[NDArray[np.uint8], Version]]:
        """Yield the pixels of one file after another, and its version; see `read` and `decode`."""
        pillow = pillow_module()
        for index, file in enumerate(files):
            try:
                yield self.decode(pillow, file)
            except DataError as error:
                raise error if place is None else DataError(f"{place(index)}: {error}") from error

    def decode(
        self, pillow: ModuleType, file: Path, expected: Version | None = None
    ) -> tuple[NDArray[np.uint8], Version]:
        """Return the pixels of a file, shape ``(height, width, channels)``, and its version.

        Args:
            pillow: Pillow's module ``Image``.
            file: the picture.
            expected: the version that the file must be of; None: any.

        Raises:
            DataError: see `read`; or the file is of another version.
        """
        with reading(file), open_file(file) as stream:
            version = Version.of(os.fstat(stream.fileno()))
            if expected is not None:
                expected.check(version)
            # A file of the expected version has passed before, and filters of warnings are shared by all threads.
            quiet = _bombs_refused(pillow) if expected is None else nullcontext()
            try:
                with quiet:
                    image = pillow.open(stream, formats=_FORMATS)
                    _check(image)
                    pixels = self._pixels(pillow, image)
            except (DataError, MemoryError):
                raise
            except Exception as error:  # Pillow raises errors of every type where bytes are damaged
                said = message_of(error).partition(" <")[0]  # of no picture it names the open file
                raise DataError(f"expected a picture, got: {said}; get the file again") from error
            version.check(Version.of(os.fstat(stream.fileno())))
            return pixels, version

    def _pixels(self, pillow: ModuleType, image: Any) -> NDArray[np.uint8]:
        is_gray = image.mode in _GRAY if self.color_mode is None else self.color_mode is ColorMode.GRAYSCALE
        plain = image.convert("L" if is_gray else "RGB")
        if self.size is not None:
            plain = plain.resize(self.size[::-1], pillow.Resampling.BILINEAR)
        pixels = np.asarray(plain, np.uint8)
        return pixels.reshape(*pixels.shape[:2], -1)


@contextmanager
def _bombs_refused(pillow: ModuleType) -> Iterator[None]:
    """Make an error of Pillow's warning of far too many pixels, which it gives before they can be counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        yield


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


def pillow_module() -> ModuleType:
    """Return Pillow's module ``Image``.

    Raises:
        ConfigError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError(
            "expected Pillow, which reads pictures, to be installed, got none; pip install 'annex-actors[images]'"
        ) from error
    module: ModuleType = Image
    return module


def _check(image: Any) -> None:
    """Refuse a picture by its header, before its pixels are decoded."""
    pixels = image.width * image.height
    if pixels > _MOST_PIXELS:
        raise DataError(f"expected at most {counted(_MOST_PIXELS, 'pixel')}, got {pixels:,}; make it smaller")
    if image.mode not in (*_GRAY, *_COLOUR):
        raise DataError(f"expected 8 bits a channel, gray or colour, got Pillow's mode {image.mode}; convert it")


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
                f"{file.parent.name}/{file.name}; give a size: size=(height, width), or --set data.size=[64,64]"
            )
    return (*first, max(shape[2] for shape in shapes))


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels as numbers in [0, 1]."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def _stacked(pictures: Sequence[NDArray[np.uint8]], files: Sequence[Path]) -> NDArray[np.float32]:
    shape = common_shape([each.shape for each in pictures], files)
    needed = len(pictures) * prod(shape) * np.dtype(np.float32).itemsize
    if needed > memory():
        raise DataError(
            f"expected pictures that fit into memory, got {counted(needed, 'byte')}; give a size, or in_memory=False"
        )
    inputs = np.empty((len(pictures), *shape), np.float32)
    for row, each in enumerate(pictures):
        inputs[row] = scaled(each)  # one channel of gray fills three
    return inputs
