"""What Ray cannot reach for a moment is no dead store: it is asked again, and keeps its commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from threading import Event, Semaphore, current_thread, main_thread
from typing import Any

import pytest

from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import RunFailedError
from annex_actors.stores import MemoryStore
from annex_actors.testing.left_behind import nothing_left_behind
from tests.rays import shared_ray

ray = pytest.importorskip("ray")

STAGE = stage_address(1)
LOST_CALLS = 3


class OnTheNodeOfThePeer:
    """All copies on the node of the peer, which is the only one."""

    def peer(self, address: Address) -> dict[str, Any]:
        return {}

    def stores(self, address: Address, node: str, nodes: Sequence[str]) -> Sequence[str]:
        return [node]


@pytest.fixture
def commits(request: pytest.FixtureRequest) -> Iterator[Any]:
    from annex_actors.runtimes.ray.stored_commits import StoredCommits

    shared_ray()
    with nothing_left_behind():
        made = StoredCommits(MemoryStore(), [STAGE], OnTheNodeOfThePeer(), request.param, commit_every=1, max_deaths=0)
        made.open()
        yield made
        made.close()


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of this thread that were lost; none is, until it is told how many are to come."""
    lost: Counter[str] = Counter()
    get = ray.get

    def unreliable(call: Any, **settings: Any) -> Any:
        if lost["to come"] > 0 and current_thread() is main_thread():
            lost["to come"] -= 1
            lost["calls"] += 1
            raise ray.exceptions.ActorUnavailableError("Socket closed", b"0" * 16)
        return get(call, **settings)

    monkeypatch.setattr(ray, "get", unreliable)
    return lost


def begun(commits: Any, number: int) -> Snapshot | None:
    found: Snapshot | None = commits.open_here(STAGE, number)
    return found


@pytest.mark.parametrize("commits", [1, 2], indirect=True)
def test_an_incarnation_begins_from_a_store_that_could_not_be_reached_at_first(
    commits: Any, lost: Counter[str]
) -> None:
    begun(commits, 1)
    commits.commit(Snapshot(STAGE, 7, "state"), 1)
    lost["to come"] = LOST_CALLS
    found = begun(commits, 2)
    assert found is not None
    assert (found.step, found.state, lost["calls"]) == (7, "state", LOST_CALLS)


@pytest.mark.parametrize("commits", [1, 2], indirect=True)
def test_a_commit_reaches_a_store_that_could_not_be_reached_at_first(commits: Any, lost: Counter[str]) -> None:
    begun(commits, 1)
    commits.commit(Snapshot(STAGE, 7, "state"), 1)
    lost["to come"] = LOST_CALLS
    commits.commit(Snapshot(STAGE, 8, "later"), 1)
    assert lost["calls"] == LOST_CALLS
    found = begun(commits, 2)
    assert found is not None
    assert (found.step, found.state) == (8, "later")


@pytest.mark.parametrize("commits", [1], indirect=True)
def test_what_is_copied_at_the_end_is_asked_for_until_it_comes(commits: Any, lost: Counter[str]) -> None:
    begun(commits, 1)
    commits.commit(Snapshot(STAGE, 7, "state"), 1)
    lost["to come"] = LOST_CALLS
    assert commits.copy_all() == []
    assert lost["calls"] == LOST_CALLS
    assert [each.step for each in commits.cut(7)] == [7]


class FewStart:
    """The class of store actors, of which only the first start: no node has the processors that others wait for."""

    def __init__(self, real: Any, count: int) -> None:
        self.real = real
        self.left = count
        self.handles: list[Any] = []

    def options(self, **given: Any) -> FewStart:
        self.left -= 1
        self.chosen = self.real.options(**given, num_cpus=0 if self.left >= 0 else 10**6)
        return self

    def remote(self, *arguments: Any) -> Any:
        self.handles.append(self.chosen.remote(*arguments))
        return self.handles[-1]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("commits", [2], indirect=True)
def test_an_incarnation_begins_from_the_copy_that_is_left_though_no_other_store_starts(
    commits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = FewStart(commits._class, 1)  # beside the one that is up
    monkeypatch.setattr(commits, "_class", few)
    monkeypatch.setattr(commits, "_deaths_left", 1)
    begun(commits, 1)
    commits.commit(Snapshot(STAGE, 7, "state"), 1)
    ray.kill(few.handles[0])
    for number, step in ((2, 7), (3, 8)):
        found = begun(commits, number)
        assert found is not None
        assert found.step == step
        commits.commit(Snapshot(STAGE, step + 1, "later"), number)
    assert len(few.handles) == 2, "another store has begun to start"


@pytest.mark.parametrize("commits", [2], indirect=True)
def test_no_incarnation_begins_once_too_many_stores_have_died_though_a_copy_is_left(
    commits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annex_actors.runtimes.ray import cluster
    from annex_actors.runtimes.ray.stored_commits import Committer

    few = FewStart(commits._class, 1)
    monkeypatch.setattr(commits, "_class", few)
    ended = Event()
    committer = Committer(cluster.here(), lambda _copies: None, ended.set)
    commits.begin(STAGE, 1, committer, lambda _copies: None)
    ray.kill(few.handles[0])
    assert ended.wait(60)
    with pytest.raises(RunFailedError, match="the stores of commits do not stay up"):
        begun(commits, 2)


class OnAllNodes(OnTheNodeOfThePeer):
    """A copy on each node, that of the peer last."""

    def stores(self, address: Address, node: str, nodes: Sequence[str]) -> Sequence[str]:
        return [*sorted(set(nodes) - {node}), node]


def test_a_copy_that_is_out_of_reach_is_not_given_up_for_a_second_one_on_another_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from annex_actors.runtimes.ray import cluster
    from annex_actors.runtimes.ray.stored_commits import StoredCommits

    monkeypatch.setattr(cluster, "nodes", lambda: {"head": "head", "left": "left"})
    commits: Any = StoredCommits(MemoryStore(), [STAGE], OnAllNodes(), 3, commit_every=1, max_deaths=0)
    commits._here_id = "head"
    on_head, on_left = known = [store_on(node) for node in ("head", "left")]
    commits._up = list(known)
    monkeypatch.setattr(commits, "_new_store", store_on)
    on_head.out_of_reach = True
    wanted = commits._wanted(STAGE, "left", known)
    assert {on_head, on_left} <= set(wanted)
    assert len(wanted) == 3


def store_on(node: str) -> Any:
    from annex_actors.runtimes.ray.copied_log import Copy
    from annex_actors.runtimes.ray.stored_commits import _Store

    return _Store(Copy(0, None), node)


def test_copies_are_chosen_again_when_a_store_is_in_reach_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from annex_actors.runtimes.ray import cluster
    from annex_actors.runtimes.ray.stored_commits import StoredCommits

    shared_ray()
    commits: Any = StoredCommits(MemoryStore(), [STAGE], OnAllNodes(), 1, commit_every=1, max_deaths=0)
    chosen, calls, get = Semaphore(0), Counter[str](), ray.get

    def unreliable(call: Any, **settings: Any) -> Any:
        calls[current_thread().name] += 1
        if calls[current_thread().name] == 2:
            raise ray.exceptions.ActorUnavailableError("Socket closed", b"0" * 16)
        return get(call, **settings)

    monkeypatch.setattr(ray, "get", unreliable)
    monkeypatch.setattr(commits, "_complete_all", chosen.release)
    commits._new_store(cluster.here())
    try:
        assert chosen.acquire(timeout=60)  # it is up
        assert chosen.acquire(timeout=60), "it was out of reach, and stays left out"
    finally:
        commits.close()
