"""What the tests of `supervisors` share: no thread is left behind, and the table of conformance cases."""

from __future__ import annotations

import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass
class Case:
    """One conformance case, and the tests that are named after it."""

    number: str
    marks: str
    title: str
    reason: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield its lines of the table."""
        if self.reason:
            yield f"{self.number:>4}  {self.marks}  -        {self.title}: {self.reason}"
        elif not self.outcomes:
            yield f"{self.number:>4}  {self.marks}  MISSING  {self.title}"
        for test, outcome in self.outcomes.items():
            yield f"{self.number:>4}  {self.marks}  {outcome:<7}  {self.title}  [{test}]"


def read_cases() -> dict[str, Case]:
    """Return the cases by number, in order."""
    suites = tomllib.loads((HERE / "cases.toml").read_text())
    return {number: Case(number, *entry) for suite in suites.values() for number, entry in suite.items()}


class Cases:
    """Collects the outcome of every test that is named after a case."""

    def __init__(self) -> None:
        self.cases = read_cases()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome; the worst one of several phases and parameters stands."""
        test = report.nodeid.rsplit("/", 1)[-1].split("[")[0]
        found = re.search(r"test_case_([a-z]?\d+)_", test)
        if found is None or found[1].upper() not in self.cases:
            return
        outcomes = self.cases[found[1].upper()].outcomes
        if report.when == "call" or report.outcome != "passed":
            worst = outcomes.get(test, "passed")
            outcomes[test] = report.outcome if worst == "passed" else worst

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("conformance cases")
        for case in self.cases.values():
            for line in case.lines():
                terminalreporter.write_line(line)
        tested = [case for case in self.cases.values() if not case.reason]
        passed = sum(bool(case.outcomes) and set(case.outcomes.values()) == {"passed"} for case in tested)
        untested = len(self.cases) - len(tested)
        terminalreporter.write_line(f"{passed} of {len(tested)} cases passed; {untested} have no meaning on threads")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cases``."""
    parser.addoption("--cases", action="store_true", help="print the table of supervision's conformance cases")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the cases, if they are wanted."""
    if config.getoption("--cases", default=False):
        config.pluginmanager.register(Cases())


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive(), f"{thread.name} is left"


@pytest.fixture
def _restless_interpreter() -> Iterator[None]:
    """Switch threads as often as the interpreter can."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval_s)
