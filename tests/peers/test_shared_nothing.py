"""No peer can write to another one's memory: whatever two of them hold is read-only, all the way down.

In one process a message hands over a reference, as the BEAM does with large binaries. The proof walks all arrays that
can be reached from every node, from every message under way and from every commit, after every event of a run.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.layers import activation, dense, dropout, flatten, sequence
from annex_actors.peers import stage_work as work_module
from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import Finished
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.protocol.snapshot import Snapshot
from tests.trainings import MOMENTUM, Training

TRAININGS = [
    Training(),
    Training(schedule="gpipe", microbatches=3, optimizer=MOMENTUM),
    Training(network=sequence(flatten(), activation("linear"), dense(3), dropout(0.0))),
    Training(stages=(range(0, 3), range(3, 5))),
]


class Host:
    """The smallest host of a training: one event for each call, and no private state."""

    def __init__(self, training: Training) -> None:
        program = training.program()
        self.nodes: dict[Address, Node] = {spec.address: spec.node(None, 1) for spec in program.peers}
        self.under_way: deque[tuple[Address, Envelope]] = deque()
        self.commits: dict[Address, Snapshot] = {}
        self.finished = False
        for node in self.nodes.values():
            self._execute(node.start())

    def step(self) -> None:
        """Deliver a message, and let its receiver do all that it can."""
        to, envelope = self.under_way.popleft()
        node = self.nodes[to]
        node.receive(envelope)
        while (effects := node.work()) is not None:
            self._execute(effects)

    def _execute(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, envelope):
                    self.under_way.append((to, envelope))
                case Commit(snapshot):
                    self.commits[snapshot.address] = snapshot
                case Emit(event):
                    self.finished |= isinstance(event, Finished)


def arrays_in(root: object) -> dict[int, Array]:
    """Return every array that can be reached from ``root``, by identity."""
    found: dict[int, Array] = {}
    seen: set[int] = set()
    ahead = [root]
    while ahead:
        thing = ahead.pop()
        if id(thing) in seen or isinstance(thing, type | str | bytes | int | float):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            found[id(thing)] = thing
        else:
            ahead += parts(thing)
    return found


def parts(thing: object) -> Iterator[object]:
    """Yield what a container, an object or a function holds."""
    if isinstance(thing, Mapping):
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        yield from thing
    elif callable(thing) and hasattr(thing, "__closure__"):
        yield from (cell.cell_contents for cell in thing.__closure__ or ())
        yield getattr(thing, "__self__", None)
    else:
        yield from getattr(thing, "__dict__", {}).values()
        for slots in (getattr(each, "__slots__", ()) for each in type(thing).__mro__):
            yield from (getattr(thing, name) for name in slots if hasattr(thing, name))


def owner(array: Array) -> Array:
    """Return the array whose memory ``array`` shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def writable(array: Array) -> bool:
    """Return whether ``array``, or any array that it is a view of, can be written to."""
    chain = [array]
    while isinstance(chain[-1].base, np.ndarray):
        chain.append(chain[-1].base)
    return any(each.flags.writeable for each in chain)


def holders(host: Host) -> dict[Address | str, dict[int, Array]]:
    """Return the arrays that each node, the messages under way and the commits hold."""
    held: dict[Address | str, dict[int, Array]] = {address: arrays_in(node) for address, node in host.nodes.items()}
    held["messages"] = arrays_in([envelope.message for _, envelope in host.under_way])
    held["commits"] = arrays_in(list(host.commits.values()))
    return held


def shared(host: Host) -> list[Array]:
    """Return every array whose memory two holders have."""
    by_memory: defaultdict[int, list[tuple[Address | str, Array]]] = defaultdict(list)
    for holder, arrays in holders(host).items():
        for array in arrays.values():
            by_memory[id(owner(array))].append((holder, array))
    groups = [group for group in by_memory.values() if len({holder for holder, _ in group}) > 1]
    return [array for group in groups for _, array in group]


@pytest.mark.parametrize("training", TRAININGS)
def test_what_two_holders_share_is_read_only_at_every_moment_of_a_run(training: Training) -> None:
    host = Host(training)
    seen = 0
    while not host.finished:
        host.step()
        together = shared(host)
        assert not any(writable(array) for array in together)
        seen += len(together)
    assert seen > 0, "neighbours do hold the same arrays, or nothing was proved"


def test_writing_to_what_is_shared_raises() -> None:
    host = Host(Training())
    while not host.finished:
        host.step()
        for array in shared(host):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


@pytest.mark.parametrize("training", TRAININGS)
def test_no_two_arrays_overlap_that_have_different_owners(training: Training) -> None:
    host = Host(training)
    for _ in range(60):
        host.step()
    owners = {id(owner(array)): owner(array) for arrays in holders(host).values() for array in arrays.values()}
    assert not any(np.shares_memory(one, other) for one, other in combinations(owners.values(), 2))


def test_what_is_under_way_is_contiguous_and_read_only() -> None:
    host = Host(Training())
    while not host.finished:
        for array in holders(host)["messages"].values():
            assert array.flags.c_contiguous
            assert not writable(array)
        host.step()


def test_what_is_committed_is_read_only() -> None:
    host = Host(Training())
    while not host.finished:
        host.step()
        assert not any(writable(array) for array in holders(host)["commits"].values())
    assert len(host.commits) == len(host.nodes)


def test_the_walk_finds_a_stage_that_does_not_give_its_arrays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "freeze", lambda array: array)
    host = Host(Training())
    found = False
    while not host.finished:
        host.step()
        found |= any(writable(array) for array in shared(host))
    assert found


def test_the_walk_reaches_weights_activations_and_samples() -> None:
    host = Host(Training())
    for _ in range(30):
        host.step()
    held = holders(host)
    shapes = {array.shape for array in held[stage_address(0)].values()}
    assert (4, 6) in shapes, "weights"
    assert any(len(shape) == 2 and shape[1] == 4 and shape[0] < 5 for shape in shapes), "activations"
    assert (13, 4) in {array.shape for array in held[TRAINER].values()}, "samples"
