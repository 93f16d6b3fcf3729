"""Fashion-MNIST: 70,000 pictures of clothes, from a folder, Debian's package, the user's cache, or the network."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias
from urllib.request import urlopen

import numpy as np

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import home_folder, reading, reason
from annex_actors.data.dataset import Dataset
from annex_actors.data.idx import read_idx, unpacked
from annex_actors.data.packages import first_with
from annex_actors.data.samples import Samples

Fetch: TypeAlias = Callable[[str], bytes]
"""Return the content at a URL; raises OSError or HTTPException."""

CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# Of the content, not of the .gz file: Debian compressed the same content differently.
CHECKSUMS: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
)
"""SHA-256 of the four files, decompressed."""

_LARGEST = 2**26
"""More bytes than any of the four files has."""


def cache_folder() -> Path | None:
    """Return the folder for downloads, under ``$XDG_CACHE_HOME`` or ``~/.cache``; None if the user has no home."""
    folder = home_folder("XDG_CACHE_HOME", ".cache")
    return folder / "fashion-mnist" if folder else None


def search_path(data_dir: Path | None = None) -> tuple[Path, ...]:
    """Return the folders that may hold the four files, in the order in which they are searched."""
    given = () if data_dir is None else (data_dir, data_dir / "fashion-mnist")
    cache = cache_folder()
    return (*given, DEBIAN_FOLDER, *([cache] if cache else []))


def find(folders: Iterable[Path]) -> Path | None:
    """Return the first of ``folders`` that holds all four files, or ``None``."""
    return first_with(folders, CHECKSUMS)


def fashion_mnist(folder: Path) -> Dataset:
    """Return the data set in ``folder``: 60,000 training and 10,000 test pictures, scaled to [0, 1].

    A picture has the shape ``(28, 28, 1)``: height, width, channels.

    Args:
        folder: holds the four ``.gz`` files under their original names.

    Raises:
        DataError: a file is missing, damaged or of another shape; the message names the file.

    Source:
        Xiao, Rasul, Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms.
    """
    with reading(folder):
        train, test = _samples(folder, "train"), _samples(folder, "t10k")
        return Dataset("fashion-mnist", train, test, CLASSES, None, f"IDX files in {folder}, pixels / 255")


def _samples(folder: Path, part: str) -> Samples:
    path = folder / f"{part}-images-idx3-ubyte.gz"
    pictures = read_idx(path, dimensions=3)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", dimensions=1)
    with reading(path):
        if pictures.shape[1:] != (28, 28):
            raise DataError(f"expected pictures of (28, 28), got {pictures.shape[1:]}; get Fashion-MNIST's own files")
        inputs = pictures[..., np.newaxis] / np.float32(255)
        inputs.flags.writeable = False  # saves `Samples` a copy of 188 MB
        return Samples(inputs, labels)


def fetch(address: str) -> bytes:
    """Return the content at a URL, or its beginning; raise OSError if the server is silent for 30 s."""
    with urlopen(address, timeout=30) as answer:
        content: bytes = answer.read(_LARGEST)
    return content


def download(folder: Path | None, *, fetch: Fetch = fetch) -> Path:
    """Download the files that ``folder`` lacks; return ``folder``.

    A file gets its name only when it is whole and its checksum is right.

    Args:
        folder: where to; made if it does not exist; None if there is nowhere to keep them.
        fetch: returns the content at a URL.

    Raises:
        DataError: there is no network, the download is damaged, or the folder cannot be written.
    """
    ways = "pass --data-dir FOLDER, or install Debian's package dataset-fashion-mnist, or connect to the network"
    if folder is None:
        raise DataError(f"expected a home folder to keep a download in, or XDG_CACHE_HOME, got none; {ways}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in CHECKSUMS:
            if not os.path.isfile(folder / name):
                _keep(_checked(fetch(ADDRESS + name), name), folder / name)
    except (OSError, HTTPException) as error:
        got = reason(error) if isinstance(error, OSError) else message_of(error)
        raise DataError(f"expected the four files of fashion-mnist, or a network, got {got}; {ways}") from error
    return folder


def _checked(packed: bytes, name: str) -> bytes:
    try:
        got = hashlib.sha256(unpacked(BytesIO(packed))).hexdigest()
    except DataError as error:
        got = f"something else ({error})"
    if got != CHECKSUMS[name]:
        raise DataError(
            f"expected {ADDRESS}{name} to have the SHA-256 {CHECKSUMS[name]}, got {got}; "
            "try again, or pass --data-dir FOLDER, or install Debian's package dataset-fashion-mnist"
        )
    return packed


def _keep(content: bytes, path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too must leave no half-written file
        os.unlink(temporary)
        raise
