"""Which Python files a run's folder may run: those that its user named, and those that this user's own run recorded."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.user_files import run_user_file
from annex_actors.runs.loaded_files import LOADED, LoadedFiles, changes, check_permitted
from tests.strange_files import put


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, in which there is no key yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "annex-actors"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The config of a run that recorded ``mine.py``."""
    (tmp_path / "mine.py").write_text("mine = 1\n")
    (tmp_path / "run").mkdir()
    recorded = LoadedFiles.of([str(tmp_path / "mine.py")])
    (tmp_path / "run" / LOADED).write_text(recorded.model_dump_json())
    return tmp_path / "run" / "config.toml"


def test_what_this_users_run_recorded_may_run(run: Path, tmp_path: Path) -> None:
    check_permitted([str(tmp_path / "mine.py")], run)
    check_permitted([], run)


def test_a_file_that_no_run_recorded_is_refused_with_the_way_to_permit_it(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_permitted([str(tmp_path / "mine.py"), "/tmp/their file.py"], run)
    assert str(caught.value) == (
        f"expected the files that `load` lists in {run} to be named by you, since no run of yours recorded them; "
        f"if you trust them, add --load {tmp_path / 'mine.py'} --load '/tmp/their file.py'"
    )


def test_a_record_with_another_users_signature_permits_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    for _ in range(2):
        with pytest.raises(ConfigError, match="no run of yours recorded them"):
            check_permitted([str(tmp_path / "mine.py")], run)
        LoadedFiles.of([])  # gives the other user a key


@pytest.mark.parametrize("signature", ["", "0" * 64, "ß", "\ud800"])
def test_a_forged_record_permits_nothing(run: Path, tmp_path: Path, signature: str) -> None:
    record = json.loads((run.parent / LOADED).read_text())
    (run.parent / LOADED).write_text(json.dumps({**record, "signature": signature}))
    with pytest.raises(ConfigError, match="no run of yours recorded them"):
        check_permitted([str(tmp_path / "mine.py")], run)


def test_a_file_added_to_a_signed_record_makes_it_void(run: Path, tmp_path: Path) -> None:
    record = LoadedFiles.read(run.parent)
    (tmp_path / "theirs.py").write_text("")
    other = LoadedFiles.of([str(tmp_path / "theirs.py")])
    forged = LoadedFiles(files={**record.files, **other.files}, signature=record.signature)
    (run.parent / LOADED).write_text(forged.model_dump_json())
    assert not LoadedFiles.read(run.parent).is_own


def test_a_file_that_has_changed_since_is_refused_and_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine = 2\n")
    with pytest.raises(ConfigError) as caught:
        check_permitted([str(tmp_path / "mine.py")], run)
    assert f"expected {tmp_path / 'mine.py'} to be as the run recorded it, got other content" in str(caught.value)
    assert f"add --load {tmp_path / 'mine.py'} to run it as it is now" in str(caught.value)


def test_a_file_that_is_gone_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").unlink()
    with pytest.raises(ConfigError, match=r"expected a Python file to load at .*mine\.py, got none"):
        check_permitted([str(tmp_path / "mine.py")], run)


def test_what_is_recorded_is_the_content_that_ran(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("mine = 1\n")
    run_user_file(path)
    ran = LoadedFiles.of([str(path)]).files
    path.write_text("mine = 2\n")
    assert LoadedFiles.of([str(path)]).files == ran
    module = next(name for name, each in sys.modules.items() if getattr(each, "__file__", None) == str(path))
    del sys.modules[module]
    assert LoadedFiles.of([str(path)]).files != ran


def test_a_file_that_is_named_instead_is_compared_with_the_recorded_one(run: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_text("mine = 1\n")
    assert changes([str(tmp_path / "copy.py")], run.parent) == []
    (tmp_path / "copy.py").write_text("mine = 2\n")
    [warning] = changes([str(tmp_path / "copy.py")], run.parent)
    assert "expected the files that the run was trained with, got" in warning


def test_the_key_is_the_users_alone_and_stays(run: Path, own_home: Path) -> None:
    key = own_home / "key"
    assert (len(key.read_bytes()), stat.S_IMODE(key.stat().st_mode)) == (32, 0o600)
    assert stat.S_IMODE(own_home.stat().st_mode) == 0o700
    before = key.read_bytes()
    LoadedFiles.of([])
    assert key.read_bytes() == before
    assert list(own_home.iterdir()) == [key]


@pytest.mark.parametrize("what", ["folder", "pipe", "endless device", "link to itself"])
def test_without_a_key_nothing_is_signed_and_nothing_permitted(run: Path, own_home: Path, what: str) -> None:
    put(own_home / "key", what)
    recorded = LoadedFiles.of([])
    assert recorded.signature == ""
    assert not recorded.is_own
    assert not LoadedFiles.read(run.parent).is_own


@pytest.mark.parametrize("content", [b"", b"short", bytes(31)])
def test_a_key_that_could_be_guessed_is_none(run: Path, own_home: Path, content: bytes) -> None:
    (own_home / "key").write_bytes(content)
    assert LoadedFiles.of([]).signature == ""


@pytest.mark.parametrize("what", ["folder", "pipe", "endless device", "link to nothing", "huge file"])
def test_a_record_that_cannot_be_read_permits_nothing(run: Path, tmp_path: Path, what: str) -> None:
    put(run.parent / LOADED, what)
    with pytest.raises(ConfigError, match="no run of yours recorded them"):
        check_permitted([str(tmp_path / "mine.py")], run)
