from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest

from annex_actors.base.errors import DataError
from annex_actors.data import fashion_mnist
from annex_actors.data.fashion_mnist import ADDRESS, CHECKSUMS, download

SERVER = {ADDRESS + name: gzip.compress(name.encode() * 100) for name in CHECKSUMS}
"""A server of four small files."""


@pytest.fixture(autouse=True)
def _checksums_of_the_small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    checksums = {name: hashlib.sha256(name.encode() * 100).hexdigest() for name in CHECKSUMS}
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", checksums)


def failing(error: Exception) -> Callable[[str], bytes]:
    def fetch(address: str) -> bytes:
        raise error

    return fetch


def test_the_four_files_are_saved_as_they_were_downloaded(tmp_path: Path) -> None:
    folder = download(tmp_path / "cache", fetch=SERVER.__getitem__)
    assert {ADDRESS + path.name: path.read_bytes() for path in folder.iterdir()} == SERVER


def test_files_that_exist_are_not_fetched_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return SERVER[address]

    download(tmp_path, fetch=fetch)
    next(tmp_path.glob("t10k-labels*")).unlink()
    asked.clear()
    download(tmp_path, fetch=fetch)
    assert asked == [ADDRESS + "t10k-labels-idx1-ubyte.gz"]


def test_the_checksum_is_that_of_the_content_however_it_was_compressed(tmp_path: Path) -> None:
    download(tmp_path, fetch=lambda address: gzip.compress(gzip.decompress(SERVER[address]), compresslevel=1, mtime=1))
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-10], lambda packed: b"<html>", lambda packed: gzip.compress(b"")]
)
def test_a_damaged_download_leaves_nothing_behind(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataError, match=r"expected http.* to have the SHA-256 .*, got .*; try again, or") as caught:
        download(tmp_path, fetch=lambda address: damage(SERVER[address]))
    assert list(tmp_path.iterdir()) == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [URLError("no route to host"), TimeoutError("timed out"), IncompleteRead(b"", 9)])
def test_without_a_network_one_line_names_all_three_alternatives(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DataError, match="expected the four files of fashion-mnist, or a network, got") as caught:
        download(tmp_path, fetch=failing(error))
    message = str(caught.value)
    assert "\n" not in message
    assert all(way in message for way in ("--data-dir", "dataset-fashion-mnist", "connect to the network"))


def test_a_download_interrupted_while_it_is_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: str, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download(tmp_path, fetch=SERVER.__getitem__)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"got .*Not a directory.*; pass --data-dir FOLDER") as caught:
        download(tmp_path / "file" / "cache", fetch=SERVER.__getitem__)
    assert "\n" not in str(caught.value)
