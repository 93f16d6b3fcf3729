from __future__ import annotations

import os
from pathlib import Path

import pytest

from annex_actors.training.atomic_files import write_whole


def test_a_file_has_what_was_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "é\n")
    assert (tmp_path / "file").read_bytes() == "é\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"a long first version")
    write_whole(tmp_path / "file", b"short")
    assert (tmp_path / "file").read_bytes() == b"short"


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(("where", "call"), [(os, "fsync"), (Path, "replace")])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, where: object, call: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    write_whole(tmp_path / "file", b"old")
    monkeypatch.setattr(where, call, fail)
    with pytest.raises(type(error)):
        write_whole(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", b"")
