"""Runs of pytest that share a folder run each test once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.shares import run_share

TESTS = ["a/test_one.py one", "a/test_one.py two", "b/test_two.py three", "a/test_one.py four", "c/test_three.py five"]


class Run:
    """A run of pytest that has collected `TESTS`, and notes which ones it runs, each with the one that follows."""

    def __init__(self, folder: Path) -> None:
        self.ran: list[tuple[str, str | None]] = []
        self.beside: Run | None = None
        hook = SimpleNamespace(pytest_runtest_protocol=self.run_test)
        items = [SimpleNamespace(name=name, config=SimpleNamespace(hook=hook)) for name in TESTS]
        self.session: Any = SimpleNamespace(items=items, shouldfail=False, shouldstop=False)
        self.folder = folder

    def run_test(self, item: Any, nextitem: Any) -> None:
        """Note a test; while the first one runs, all that another run can take is run by that one."""
        self.ran.append((item.name, nextitem and nextitem.name))
        if self.beside is not None and len(self.ran) == 1:
            self.beside.go()

    def go(self) -> None:
        """Run the share."""
        run_share(self.session, self.folder, lambda item: item.name.split()[0])


def test_two_runs_divide_the_files_and_each_knows_which_test_follows(tmp_path: Path) -> None:
    first, second = Run(tmp_path), Run(tmp_path)
    first.beside = second
    first.go()
    one, two, three, four, five = TESTS
    assert first.ran == [(one, two), (two, four), (four, None)]
    assert second.ran == [(three, five), (five, None)]


def test_a_later_run_has_nothing_left_and_one_alone_runs_all(tmp_path: Path) -> None:
    alone, later = Run(tmp_path), Run(tmp_path)
    alone.go()
    later.go()
    assert [name for name, _ in alone.ran] == TESTS
    assert later.ran == []
