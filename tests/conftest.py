"""What all tests share; and where they are.

=================================================  =====================================================================
``base/`` to ``experiments/``, and ``runtimes/``   The tests of a module, in the folder of its name; in ``runtimes/``
                                                   itself what holds for several hosts: conformance, order, memory.
``oracle/``                                        Every way to train comes to the same bits.
``faults/``                                        Kills and crashes at every moment change none of them.
``documents/``, ``examples/``                      What the pages say is true, and the examples and benchmarks run.
``supervisors/``                                   The tests of that package, with a ``conftest.py`` of their own.
``test_architecture.py``, ``test_public.py``       Which module may import which, and what users can import.
=================================================  =====================================================================

Modules not named ``test_*`` hold what tests share: `trainings` (small trainings, and what they come to), `own_layers`,
`matrix` (samples of large matrices), `shares` (tests divided among runs), `leaks` (what must not be left behind),
`kills`, `tables` and `readmes`; beside the tests of one folder `protocol.messages`, `protocol.nodes`, `peers.stages`,
`peers.trainers`, `faults.plans`, `runtimes.processes.jobs`, `training.edited`, `cli.commands` and `cli.runs`.

``pytest tests/peers`` runs a part; ``pytest`` runs everything, of the large matrices a sample; ``pytest --whole`` runs
those whole, with more examples for each property, for hours. With ``--share FOLDER`` several at once divide the tests.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import settings

from tests.leaks import no_thread_left
from tests.matrix import RAY_NODES, WHOLE
from tests.shares import run_share

settings.register_profile("sample", deadline=None, print_blob=True, max_examples=100)
settings.register_profile("whole", deadline=None, print_blob=True, max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--whole``, ``--share`` and ``--ray-nodes``."""
    parser.addoption("--whole", action="store_true", help="run the large matrices whole")
    parser.addoption("--share", metavar="FOLDER", type=Path, help="run what no other run with this folder has taken")
    parser.addoption("--ray-nodes", metavar="N", help="run on a Ray of N nodes what runs on Ray")


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark, and let property tests try more with ``--whole``."""
    config.addinivalue_line("markers", "whole: runs with --whole only")
    whole = config.getoption("--whole")
    settings.load_profile("whole" if whole else "sample")
    for name, value in ((WHOLE, "1" if whole else None), (RAY_NODES, config.getoption("--ray-nodes"))):
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value
    # A shell lets what it runs in the background ignore Ctrl-C and Ctrl-\, nohup a hangup; and so all that this starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


TESTS = Path(__file__).parent
RAY = TESTS / "runtimes" / "ray"
ONE_IN = {"processes": 8, "ray": 48}
"""Of the cases of the oracle and of faults that run on these so many is one run by default: each starts a process for
every layer, and on Ray each of these imports all that it needs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what waits for ``--whole``, and let what runs on Ray be last.

    One Ray serves all tests that need one. While it is up its processes are children of this one, which tests of
    runtimes with processes count and kill.
    """
    if not config.getoption("--whole"):
        left_out = [item for item in items if waits(item)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not waits(item)]
    items.sort(key=runs_on_ray)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run with ``--share`` the files that no other run has taken; of each file, what needs a Ray at the end."""
    folder = session.config.getoption("--share")
    if folder is None or session.testsfailed or session.config.getoption("--collect-only"):
        return None
    run_share(session, folder, lambda item: item.path.relative_to(TESTS).as_posix())
    return True


def runs_on_ray(item: pytest.Item) -> bool:
    """Return whether a test runs on Ray, as its folder or the name of its case says."""
    return RAY in item.path.parents or "ray" in parameters(item)


def waits(item: pytest.Item) -> bool:
    """Return whether a test runs with ``--whole`` only."""
    if item.get_closest_marker("whole"):
        return True
    in_matrix = item.path.parent.name in ("oracle", "faults") and item.path.name != "test_whole_job.py"
    words = parameters(item) if in_matrix else set()
    return any(crc32(item.nodeid.encode()) % one_in for name, one_in in ONE_IN.items() if name in words)


def parameters(item: pytest.Item) -> set[str]:
    """Return the words of the name of a test's case."""
    return set(re.findall(r"\w+", item.nodeid.partition("[")[2]))


@pytest.fixture(autouse=True, scope="session")
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what a user's runs keep in the user's home in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Check after the test that every thread that it started has ended."""
    with no_thread_left():
        yield


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether the large matrices are wanted whole."""
    return bool(request.config.getoption("--whole"))
