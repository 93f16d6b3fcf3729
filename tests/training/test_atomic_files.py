from __future__ import annotations

import os
from pathlib import Path

import pytest

from annex_actors.training.atomic_files import sweep, write_whole
from tests.strange_files import put


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


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "file").symlink_to("mine")
    write_whole(tmp_path / "file", b"new")
    assert not (tmp_path / "file").is_symlink()
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "mine").read_bytes()) == (b"new", b"mine")


@pytest.mark.parametrize("what", ["folder", "pipe", "socket"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, what: str) -> None:
    """Else a user who may write there would replace ``/dev/null``."""
    put(tmp_path / "file", what)
    before = (tmp_path / "file").stat()
    with pytest.raises(OSError, match="a "):
        write_whole(tmp_path / "file", b"new")
    assert os.path.samestat((tmp_path / "file").stat(), before)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_only_temporary_files_of_known_names_are_swept(tmp_path: Path) -> None:
    kept = [".git.0123456789ab", ".file.0123456789abc", ".file.swp", "file.0123456789ab", ".file.0123456789AB", "file"]
    for name in [*kept, ".file.0123456789ab"]:
        (tmp_path / name).touch()
    (tmp_path / ".file.ba9876543210").symlink_to("file")
    (tmp_path / ".file.000000000000").mkdir()
    sweep(tmp_path, {"file"}.__contains__)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, ".file.000000000000"}
    sweep(tmp_path / "none", {"file"}.__contains__)
