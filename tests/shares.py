"""Several runs of pytest at once divide the tests among them: ``--share FOLDER``, in each the same folder.

A run takes the next file that no other has taken, so none of them waits for another before there is nothing left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

import pytest


def run_share(session: pytest.Session, folder: Path, unit: Callable[[pytest.Item], str]) -> None:
    """Run those tests of a session whose unit no other run has taken.

    Args:
        session: whose tests have been collected.
        folder: that all runs share: empty at first, then with an empty file for each unit that a run has taken.
        unit: the name of what a test belongs to, whose tests run in one process.
    """

    @cache
    def takes(name: str) -> bool:
        try:
            (folder / name.replace("/", "+")).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    own: Iterator[pytest.Item] = (item for item in session.items if takes(unit(item)))
    for item, following in pairwise(chain(own, [None])):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
