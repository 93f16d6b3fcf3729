"""Pictures that stay in files, decoded whenever they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.types import DType, Shape
from annex_actors.data.pictures import Pictures, common_shape, pillow_module, scaled
from annex_actors.data.sources.stored import FLOAT32, Source, StoredInputs
from annex_actors.data.sources.version import Version


@dataclass(frozen=True)
class PictureFiles:
    """Pictures of one shape in files; a `Source`.

    Args:
        place: the folder or table that lists them.
        files: their paths, absolute.
        versions: of the files when they were decoded first.
        pictures: how they become numbers.
        picture_shape: ``(height, width, channels)``.
    """

    place: str
    files: tuple[str, ...]
    versions: tuple[Version, ...]
    pictures: Pictures
    picture_shape: Shape

    @property
    def shape(self) -> Shape:
        """``(pictures, height, width, channels)``."""
        return (len(self.files), *self.picture_shape)

    @property
    def dtype(self) -> DType:
        """Float32."""
        return FLOAT32

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return pictures by their numbers, decoded: pixels / 255."""
        pillow, found = pillow_module(), np.empty((len(rows), *self.picture_shape), np.float32)
        for at, row in enumerate(rows.tolist()):
            pixels, _ = self.pictures.decode(pillow, Path(self.files[row]), self.versions[row])
            found[at] = scaled(pixels)  # one channel of gray fills three
        return found


@dataclass(frozen=True)
class ScaledPixels:
    """The rows of another source, of bytes, as numbers in [0, 1]; a `Source`.

    Args:
        source: of the bytes.
    """

    source: Source

    @property
    def shape(self) -> Shape:
        """That of the source."""
        return self.source.shape

    @property
    def dtype(self) -> DType:
        """Float32."""
        return FLOAT32

    @property
    def place(self) -> str:
        """That of the source."""
        return self.source.place

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return rows by their numbers: pixels / 255."""
        return scaled(self.source.read(rows))


def stored_pictures(
    pictures: Pictures, files: Sequence[Path], listed_in: Path, place: Callable[[int], str] | None
) -> StoredInputs:
    """Return pictures that stay in their files, after each has been decoded once; for errors see `Pictures.read`.

    Args:
        pictures: how they become numbers.
        files: at least one.
        listed_in: the folder or table.
        place: returns where in it a file is listed, for errors; None: nowhere.
    """
    shapes, versions = list[Shape](), list[Version]()
    for pixels, version in pictures.decoded(files, place):
        shapes.append(pixels.shape)
        versions.append(version)
    paths = tuple(str(file.absolute()) for file in files)
    source = PictureFiles(str(listed_in), paths, tuple(versions), pictures, common_shape(shapes, files))
    return StoredInputs(source, is_checked=True)
