"""A path to data may lead to anything, and a small file may say that it is a large one."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.data import load
from annex_actors.data.catalog import catalog
from annex_actors.data.fashion_mnist import CHECKSUMS, download, fashion_mnist
from annex_actors.data.idx import read_idx
from annex_actors.data.npz import read_npy, read_npz
from annex_actors.data.packaged import PACKAGED
from annex_actors.data.tables import read_table
from tests.strange_files import STRANGE, put

READERS: Mapping[str, Callable[[Path], object]] = {
    "data.npz": lambda path: read_npz(path, in_memory=True),
    "data.csv": lambda path: load(str(path)),
    "data.npy": read_npy,
    "data.gz": lambda path: read_idx(path, dimensions=1),
    "data.parquet": read_table,
    "data.arrow": read_table,
    "data.jsonl": read_table,
    "data.json": read_table,
    "data.arff": read_table,
    "data.db": lambda path: read_table(f"sqlite:{path}#SELECT 1"),
    "train-images-idx3-ubyte.gz": lambda path: fashion_mnist(path.parent),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file_is_refused_by_name(tmp_path: Path, name: str, what: str) -> None:
    words = put(tmp_path / name, what)
    with pytest.raises(DataError) as caught:
        READERS[name](tmp_path / name)
    assert name in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gzip_file_of_more_than_a_gigabyte_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.data.idx._LARGEST", 100)
    (tmp_path / "data.gz").write_bytes(gzip.compress(bytes(101)))
    with pytest.raises(DataError, match="expected at most 100 bytes in a gzip file, got more"):
        read_idx(tmp_path / "data.gz", dimensions=1)
    packed = gzip.compress(bytes(101))
    with pytest.raises(DataError, match=r"got something else \(expected at most 100 bytes"):
        download(tmp_path, fetch=lambda address: packed)


def test_arrays_that_do_not_fit_into_memory_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=np.zeros((1000, 2)), y=np.zeros(1000))
    monkeypatch.setattr("annex_actors.data.npz.memory", lambda: 20_000)
    with pytest.raises(DataError, match="expected arrays that fit into 20,000 bytes of memory, got 24,256"):
        load(str(tmp_path / "data.npz"))


@pytest.mark.parametrize("cell", ["x" * 100_000, "9" * 100_000, "x" * 200_000, "\x00\x1b[2J"])
def test_a_cell_of_any_length_is_quoted_in_part(tmp_path: Path, cell: str) -> None:
    (tmp_path / "data.csv").write_text(f"a,b\n1,2\n{cell},2\n")
    with pytest.raises(DataError) as caught:
        load(str(tmp_path / "data.csv"))
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_a_header_of_any_length_is_listed_in_part(tmp_path: Path) -> None:
    names = ",".join(f"{'x' * 1000}{column}" for column in range(1000))
    (tmp_path / "data.csv").write_text(f"{names}\n{','.join(['1.5'] * 1000)}\n")
    with pytest.raises(DataError, match="expected the label column to be one of xxx") as caught:
        load(str(tmp_path / "data.csv"), label="y")
    assert len(str(caught.value)) < 5000


def test_a_folder_that_may_not_be_searched_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog(data_dir=Path("a" * 300))
    for name in CHECKSUMS:
        put(tmp_path / name, "pipe")
    assert all(str(tmp_path) not in entry.where for entry in catalog(data_dir=tmp_path))


def test_a_user_without_a_home_can_train_and_is_told_why_a_download_cannot_be_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("annex_actors.data.fashion_mnist.DEBIAN_FOLDER", tmp_path)
    monkeypatch.setattr(Path, "home", none)
    assert [each.name for each in catalog() if not each.available and each.name not in PACKAGED] == ["fashion-mnist"]
    with pytest.raises(DataError, match="expected a home folder to keep a download in, or XDG_CACHE_HOME, got none"):
        load("fashion-mnist")
