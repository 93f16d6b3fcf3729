"""A file is looked at before it is opened: nothing waits for a pipe, reads without end, or writes through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import (
    check_folder,
    check_replaceable,
    home_folder,
    open_in_place,
    read_file,
    reading,
    user_path,
    writing,
)
from tests.strange_files import STRANGE, put


def test_a_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "file") == read_file(tmp_path / "link", limit=7) == b"content"


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file_is_described_and_not_opened(tmp_path: Path, what: str) -> None:
    words = put(tmp_path / "file", what)
    with pytest.raises(DataError) as caught, reading(tmp_path / "file"):
        read_file(tmp_path / "file")
    assert f"file at {tmp_path / 'file'}, {words}" in str(caught.value)


def test_a_file_larger_than_its_kind_may_be_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(OSError, match="one of 7 bytes, more than the 6 that it may have"):
        read_file(tmp_path / "file", limit=6)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "file/below"])
def test_a_path_that_no_file_can_have_is_an_error_of_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"^expected a readable file at "), reading(tmp_path / name):
        read_file(tmp_path / name)
    with pytest.raises(ConfigError, match=r"^expected a file that can be written at "), writing(tmp_path / name):
        open_in_place(tmp_path / name, os.O_WRONLY)


def test_no_file_is_left_open_by_an_error(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    for what in STRANGE:
        put(tmp_path / what, what)
        with pytest.raises(OSError):
            read_file(tmp_path / what)
        if what != "huge file":
            with pytest.raises(OSError):
                open_in_place(tmp_path / what, os.O_RDWR)
    assert os.listdir("/proc/self/fd") == before


def test_what_is_changed_in_place_is_made_or_is_a_file_of_one_name(tmp_path: Path) -> None:
    os.close(open_in_place(tmp_path / "new", os.O_RDWR))
    os.close(open_in_place(tmp_path / "new", os.O_RDWR))
    (tmp_path / "link").symlink_to("new")
    with pytest.raises(OSError, match="a link"):
        open_in_place(tmp_path / "link", os.O_RDWR)
    (tmp_path / "second").hardlink_to(tmp_path / "new")
    with pytest.raises(OSError, match="a file that has another name too"):
        open_in_place(tmp_path / "new", os.O_RDWR)


def test_a_link_to_nothing_makes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(OSError, match="a link"):
        open_in_place(tmp_path / "link", os.O_RDWR)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("what", ["folder", "pipe", "socket"])
def test_only_a_file_or_a_link_is_replaced(tmp_path: Path, what: str) -> None:
    check_replaceable(tmp_path / "file")
    (tmp_path / "file").touch()
    check_replaceable(tmp_path / "file")
    put(tmp_path / "link", "link to nothing")
    check_replaceable(tmp_path / "link")
    put(tmp_path / "strange", what)
    with pytest.raises(OSError, match="a "):
        check_replaceable(tmp_path / "strange")


def test_a_link_to_a_folder_is_no_folder(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "none")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="a link"):
        check_folder(tmp_path / "link")


def test_the_home_of_a_user_that_does_not_exist_is_a_name_like_others() -> None:
    assert user_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    assert user_path("~/x") == Path.home() / "x"


def test_folders_in_the_home_follow_the_xdg_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert home_folder("XDG_STATE_HOME", ".local/state") == tmp_path / "annex-actors"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder("XDG_STATE_HOME", ".local/state") == tmp_path / ".local" / "state" / "annex-actors"


def test_a_user_without_a_home_has_no_folder_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    assert home_folder("XDG_CACHE_HOME", ".cache") is None
