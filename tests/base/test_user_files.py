from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.user_files import run_user_file, run_user_files, user_file_sha256
from tests.strange_files import STRANGE, put


def module_of(path: Path) -> dict[str, object]:
    """Return the namespace of the module made from the file at ``path``."""
    return next(vars(module) for module in sys.modules.values() if getattr(module, "__file__", None) == str(path))


def test_a_file_is_run_once_in_a_process(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"with open({str(tmp_path / 'ran')!r}, 'a') as file:\n    file.write('x')\n")
    (tmp_path / "folder").mkdir()
    assert run_user_files([path, str(path), tmp_path / "folder" / ".." / "mine.py"]) == (str(path),) * 3
    assert (tmp_path / "ran").read_text() == "x"


def test_what_a_file_defines_can_be_pickled(tmp_path: Path) -> None:
    """Also if two files have the same name, and a library has it too."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "random.py"
        path.write_text(f"from dataclasses import dataclass\n\n@dataclass\nclass Mine:\n    where: str = {folder!r}\n")
        run_user_file(path)
    for folder in ("one", "two"):
        mine: type = module_of(tmp_path / folder / "random.py")["Mine"]  # type: ignore[assignment]
        assert pickle.loads(pickle.dumps(mine())) == mine()
        assert mine().where == folder


def test_an_error_in_a_file_is_raised_with_its_line_and_the_next_attempt_runs_the_file_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import os\nraise OSError('no such thing')\n")
    with pytest.raises(ConfigError) as caught:
        run_user_file(path)
    assert str(caught.value) == f"expected {path}, line 2, to run, got OSError: no such thing"
    assert isinstance(caught.value.__cause__, OSError)
    path.write_text("")
    run_user_file(path)


def test_a_syntax_error_is_raised_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match=r"mine\.py, line 2, to run, got SyntaxError"):
        run_user_file(path)


def test_a_single_path_instead_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected `load` to be a list of paths, got 'mine.py'; write \['mine.py'\]"):
        run_user_files("mine.py")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a Python file to load at .*/none\.py, got none; check the path"):
        run_user_file(tmp_path / "none.py")


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file_is_refused_by_name(tmp_path: Path, what: str) -> None:
    words = put(tmp_path / "mine.py", what)
    with pytest.raises(ConfigError) as caught:
        run_user_file(tmp_path / "mine.py")
    assert f"expected a Python file to load at {tmp_path / 'mine.py'}, {words}" in str(caught.value)


def test_a_file_cannot_end_the_program(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("\nraise SystemExit(0)\n")
    with pytest.raises(ConfigError, match=r"mine\.py, line 2, to run, got SystemExit: 0"):
        run_user_file(tmp_path / "mine.py")


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("mine = 1\n")
    run_user_file(path)
    before = user_file_sha256(path)
    path.write_text("mine = 2\n")
    assert user_file_sha256(path) != before
    assert user_file_sha256(path, as_it_ran=True) == before
