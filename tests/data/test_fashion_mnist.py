from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.data import catalog, load
from annex_actors.data.fashion_mnist import CHECKSUMS, DEBIAN_FOLDER, fashion_mnist, find, search_path


def write(path: Path, numbers: Array) -> None:
    """Write a compressed IDX file with these bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes((0, 0, 8, numbers.ndim)) + np.array(numbers.shape, dtype=">u4").tobytes()
    path.write_bytes(gzip.compress(header + numbers.tobytes()))


def write_all(folder: Path, train: int = 5, test: int = 3, side: int = 28) -> Path:
    """Write four small files of ``train`` and ``test`` pictures."""
    for half, count in (("train", train), ("t10k", test)):
        pictures = np.arange(count * side * side, dtype=np.uint64).reshape(count, side, side) % 256
        write(folder / f"{half}-images-idx3-ubyte.gz", pictures.astype(np.uint8))
        write(folder / f"{half}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    return folder


def test_pictures_keep_their_shape_and_are_scaled_to_one(tmp_path: Path) -> None:
    dataset = fashion_mnist(write_all(tmp_path))
    assert dataset.train.inputs.shape == (5, 28, 28, 1)
    assert dataset.train.inputs.dtype == np.float32
    assert np.array_equal(dataset.train.inputs[0].ravel()[:256], np.arange(256, dtype=np.float32) / np.float32(255))
    assert dataset.test.targets.tolist() == [0, 1, 2]


def test_the_given_folder_is_searched_before_all_others(tmp_path: Path) -> None:
    assert load("fashion-mnist", data_dir=write_all(tmp_path)).source == f"IDX files in {tmp_path}, pixels / 255"


def test_the_files_may_be_in_a_subfolder_of_the_given_one(tmp_path: Path) -> None:
    write_all(tmp_path / "fashion-mnist")
    assert find(search_path(tmp_path)) == tmp_path / "fashion-mnist"


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "annex-actors" / "fashion-mnist"
    given = tmp_path / "given"
    assert search_path(given) == (given, given / "fashion-mnist", DEBIAN_FOLDER, cache)
    assert search_path() == (DEBIAN_FOLDER, cache)


def test_without_a_setting_the_cache_is_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert search_path()[-1] == tmp_path / ".cache" / "annex-actors" / "fashion-mnist"


def test_a_folder_that_lacks_one_file_is_passed_over(tmp_path: Path) -> None:
    first, second = write_all(tmp_path / "first"), write_all(tmp_path / "second")
    (first / "t10k-labels-idx1-ubyte.gz").unlink()
    assert find((first, second)) == second
    assert find((first,)) is None


def test_the_catalogue_says_where_it_was_found(tmp_path: Path) -> None:
    write_all(tmp_path)
    entry = next(entry for entry in catalog(data_dir=tmp_path) if entry.name == "fashion-mnist")
    assert (entry.where, entry.available) == (str(tmp_path), True)


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-images.*expected pictures of \(28, 28\), got \(8, 8\); get"):
        fashion_mnist(write_all(tmp_path, side=8))


def test_pictures_without_labels_are_refused(tmp_path: Path) -> None:
    write_all(tmp_path)
    write(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(4, dtype=np.uint8))
    with pytest.raises(DataError, match=r"train-images.*expected a target for each of 5 inputs, got 4"):
        fashion_mnist(tmp_path)


def test_a_label_above_nine_is_refused(tmp_path: Path) -> None:
    write_all(tmp_path)
    write(tmp_path / "t10k-labels-idx1-ubyte.gz", np.array([1, 2, 10], dtype=np.uint8))
    with pytest.raises(DataError, match=r"expected test labels from 0 to 9 \(10 classes\), got 10 in row 2"):
        fashion_mnist(tmp_path)


@pytest.mark.skipif(find((DEBIAN_FOLDER,)) is None, reason="needs Debian's package dataset-fashion-mnist")
def test_the_real_pictures_are_complete() -> None:
    dataset = fashion_mnist(DEBIAN_FOLDER)
    assert (dataset.train.inputs.shape, dataset.test.inputs.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert np.bincount(dataset.train.targets).tolist() == [6000] * 10
    assert not dataset.train.inputs.flags.writeable


def test_each_file_has_its_checksum() -> None:
    assert len(set(CHECKSUMS.values())) == 4
    assert all(len(checksum) == 64 for checksum in CHECKSUMS.values())
