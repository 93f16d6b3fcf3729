"""Which node of a cluster each actor lives on, and its commits: pure decisions, of the nodes that are alive now.

A runtime on several nodes calls `homes` when it starts, and again when a node is gone, with the actors that still live
somewhere as ``held``: those stay, the others move to nodes that have what they need. Where none has, `NoNodeError` says
why; the runtime waits for other nodes, at most `Places.wait_seconds`, and raises it then. `stores` keeps commits on
other nodes than those whose loss they are for.

What an actor needs holds always. What is only wanted is given up where it cannot be, in this order: that it does not
live beside its own commits, that replicas of a stage live apart. Both are exact as long as a search of `_TRIES` steps
ends: no wish is given up, and no error raised, that another way to place the actors would spare. Beyond, as with
hundreds of actors whose needs nearly fill the nodes, it may be. The strategies say how nodes are preferred: each actor
takes the best one that is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from annex_actors.base.errors import AnnexError
from annex_actors.base.words import counted
from annex_actors.placement.needs import Labels, Needs, NodeStrategy, Resources, number
from annex_actors.placement.plan import Plan, needs_of
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import replica_of, stage_address

Homes: TypeAlias = Mapping[Address, str]
"""The name of the node of each actor."""

_TRIES = 20_000
_ANY = Needs()
_SHOWN = 3
_ROUNDING = 1e-9


class NoNodeError(AnnexError):
    """No node that is alive has what an actor needs; the message names the actor, and says what each node lacks.

    Args:
        message: of the error.
        address: of the actor.
    """

    def __init__(self, message: str, address: Address) -> None:
        super().__init__(message)
        self.address = address


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node that is alive.

    Args:
        name: by which plans name it.
        labels: that it has.
        free: the amounts that no actor has taken, by name as in `Needs.amounts`; memory in bytes.
    """

    name: str
    labels: Labels = field(default_factory=dict, hash=False)
    free: Resources = field(default_factory=dict, hash=False)

    def lacks(self, needs: Needs, free: Resources | None = None) -> str:
        """Return what an actor would lack here, for people; empty where it can live here.

        Args:
            needs: of the actor.
            free: what is free; None: `free`.
        """
        if needs.node not in (None, self.name):
            return f"is not {needs.node}"
        for name, value in needs.labels.items():
            if self.labels.get(name) != value:
                return f"has no label {name}={value}"
        left = self.free if free is None else free
        for name, amount in needs.amounts.items():
            if amount > left.get(name, 0) * (1 + _ROUNDING):
                return f"has {number(left.get(name, 0))} of {number(amount)} {name}"
        return ""


@dataclass(frozen=True, slots=True)
class Places:
    """What a plan says of the nodes on which the actors of a run live.

    Args:
        needs: of each actor; one that is missing needs nothing.
        strategy: which nodes are preferred.
        wait_seconds: how long to wait for a node that has what an actor needs, before the run ends with `NoNodeError`.
    """

    needs: Mapping[Address, Needs] = field(default_factory=dict, hash=False)
    strategy: NodeStrategy = NodeStrategy.SPREAD
    wait_seconds: float = 60.0

    @classmethod
    def of(cls, plan: Plan) -> Places:
        """Return what a plan says."""
        each = {
            stage_address(s, replica): needs
            for s, stage in enumerate(plan.stages)
            for replica, needs in enumerate(needs_of(stage))
        }
        return cls(each, NodeStrategy(plan.strategy), plan.wait_seconds)


def homes(
    places: Places,
    actors: Sequence[Address],
    nodes: Sequence[ClusterNode],
    held: Homes | None = None,
    commits: Mapping[Address, Collection[str]] | None = None,
) -> dict[Address, str]:
    """Return the node of each actor.

    Args:
        places: what the plan says.
        actors: stages and replicas, in the order of the chain.
        nodes: all that are alive. What is free on each is beside what the held actors there take.
        held: where actors live now. Those whose node is alive stay; the others are placed, as those that are missing.
        commits: the nodes that have the commits of each actor, where it does not live if that can be.

    Raises:
        NoNodeError: some actor has no node, or all together have not.
    """
    alive = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
    stay = {each: home for each, home in (held or {}).items() if home in alive and each in actors}
    to_place = [each for each in actors if each not in stay]
    for each in to_place:
        if all(node.lacks(places.needs.get(each, _ANY)) for node in alive.values()):
            raise _refused(places, each, [(node, node.free) for node in alive.values()])
    for strict_apart, strict_beside in ((True, True), (True, False), (False, False)):
        search = _Search(places, actors, alive, stay, commits or {}, strict_apart, strict_beside)
        if search.place(to_place):
            return {each: search.homes[each] for each in actors}
    raise search.error


def stores(
    homes: Homes, nodes: Sequence[ClusterNode], copies: int = 1, held: Mapping[Address, Sequence[str]] | None = None
) -> dict[Address, tuple[str, ...]]:
    """Return the nodes that keep the commits of each actor, so that the loss of its own takes none of them.

    Where no other node is alive, its own keeps them: then no loss of a node can be survived, only of actors.

    Args:
        homes: where each actor lives.
        nodes: all that are alive.
        copies: on how many nodes, >= 1; on fewer where fewer are alive.
        held: where copies are now; those on living nodes that are not the actor's own stay.
    """
    alive = sorted(node.name for node in nodes)
    kept: Counter[str] = Counter()
    found: dict[Address, tuple[str, ...]] = {}
    for address, home in homes.items():
        others = [name for name in alive if name != home] or alive
        stay = [name for name in dict.fromkeys((held or {}).get(address, ())) if name in others][:copies]
        place = others.index(min((name for name in others if name > home), default=others[0]))
        turned = [*others[place:], *others[:place]]  # begin with the next node, so that all keep as much
        more = sorted((name for name in turned if name not in stay), key=lambda name: kept[name])
        found[address] = (*stay, *more[: copies - len(stay)])
        kept.update(found[address])
    return found


class _Search:
    """A search for a node for each actor, the best first; it goes back where an actor is left without one.

    Args:
        places: what the plan says.
        actors: all, in the order of the chain.
        alive: the nodes by name.
        stay: where actors live that do not move.
        commits: the nodes that have the commits of each.
        apart: whether replicas of a stage must live apart; else they are where that can be.
        beside: whether no actor may live beside its commits; else it does not where that can be.
    """

    def __init__(
        self,
        places: Places,
        actors: Sequence[Address],
        alive: Mapping[str, ClusterNode],
        stay: Homes,
        commits: Mapping[Address, Collection[str]],
        apart: bool,
        beside: bool,
    ) -> None:
        self.homes = dict(stay)
        self.error: NoNodeError
        self._places = places
        self._actors = actors
        self._turns = {each: turn for turn, each in enumerate(actors)}
        self._alive = alive
        self._numbers = {name: index for index, name in enumerate(alive)}
        self._free = {name: dict(node.free) for name, node in alive.items()}
        self._used = Counter(stay.values())
        self._stages = Counter((each.number, home) for each, home in stay.items())
        self._commits = commits
        self._apart = apart
        self._beside = beside

    def place(self, actors: Sequence[Address]) -> bool:
        """Return whether each of these actors has found a node; those with the fewest nodes to choose from go first."""
        order, deepest = sorted(actors, key=self._choices), -1
        left: list[Iterator[str]] = []
        """Of each actor that has found a node, the nodes that it has not tried."""
        for _ in range(_TRIES + len(order)):
            if len(left) == len(order):
                return True
            actor = order[len(left)]
            nodes = iter(self._best_first(actor))
            while (home := next(nodes, None)) is None:
                if len(left) > deepest:
                    deepest, self.error = len(left), self._no_node(actor)
                if not left:
                    return False
                nodes, actor = left.pop(), order[len(left)]
                self._take(actor, self.homes[actor], -1)
            self._take(actor, home, 1)
            left.append(nodes)
        return False

    def _choices(self, actor: Address) -> tuple[int, float]:
        needs = self._needs(actor)
        return sum(not node.lacks(needs) for node in self._alive.values()), -sum(needs.amounts.values())

    def _needs(self, actor: Address) -> Needs:
        return self._places.needs.get(actor, _ANY)

    def _take(self, actor: Address, home: str, sign: int) -> None:
        """Let an actor live on a node, or no longer, with the sign -1."""
        for name, amount in self._needs(actor).amounts.items():
            self._free[home][name] = self._free[home].get(name, 0) - sign * amount
        self._used[home] += sign
        self._stages[actor.number, home] += sign
        if sign > 0:
            self.homes[actor] = home
        else:
            del self.homes[actor]

    def _best_first(self, actor: Address) -> list[str]:
        """Return the nodes on which an actor can live, beside those that are placed."""
        strategy = self._places.strategy
        found = [name for name, node in self._alive.items() if not node.lacks(self._needs(actor), self._free[name])]
        commits = self._commits.get(actor, ())
        if self._beside:
            found = [name for name in found if name not in commits]
        if self._apart and strategy is not NodeStrategy.STRICT_PACK:
            found = [name for name in found if not self._stages[actor.number, name]]
        if strategy is NodeStrategy.STRICT_SPREAD:
            found = [name for name in found if not self._used[name]]
        if strategy is NodeStrategy.STRICT_PACK and +self._used:
            found = [name for name in found if self._used[name]]
        spreads = strategy in (NodeStrategy.SPREAD, NodeStrategy.STRICT_SPREAD)
        preferred = (self._evenness if spreads else self._closeness)(actor)
        return sorted(found, key=lambda name: (self._stages[actor.number, name], name in commits, *preferred(name)))

    def _evenness(self, actor: Address) -> Callable[[str], tuple[bool, int]]:
        """Return how to sort nodes: those with room in an even division first, the nearest to the actor's part."""
        actors, nodes = len(self._turns), len(self._alive)
        part = self._turns[actor] * nodes // actors
        return lambda name: (self._used[name] >= -(-actors // nodes), abs(self._numbers[name] - part))

    def _closeness(self, actor: Address) -> Callable[[str], tuple[bool, int]]:
        """Return how to sort nodes: those that are used first, and of these the one of the actor before."""
        before = self.homes.get(self._actors[self._turns[actor] - 1])
        return lambda name: (not self._used[name], int(name != before))

    def _no_node(self, actor: Address) -> NoNodeError:
        return _refused(self._places, actor, [(node, self._free[name]) for name, node in self._alive.items()])


def _refused(places: Places, actor: Address, nodes: Sequence[tuple[ClusterNode, Resources]]) -> NoNodeError:
    """Return the error of an actor that has no node, given what is free on each."""
    needs, strict = places.needs.get(actor, _ANY), places.strategy.value.startswith("strict")
    why = {node.name: node.lacks(needs, free) or "has other actors of the run" for node, free in nodes}
    lacks = ", ".join(f"{name} {reason}" for name, reason in list(why.items())[:_SHOWN])
    more = f" and {len(why) - _SHOWN} more" if len(why) > _SHOWN else ""
    with_strategy = f" with `strategy` {places.strategy.value}" if strict else ""
    return NoNodeError(
        f"expected a node for {name_of(actor)}, which needs {needs}{with_strategy}, got none of "
        f"{counted(len(why), 'node')}{': ' if why else ''}{lacks}{more}; add such a node, or change the plan",
        actor,
    )


def name_of(actor: Address) -> str:
    """Return what errors call an actor, such as ``stage 2`` or ``replica 1 of stage 2``."""
    replica = replica_of(actor)
    return f"replica {replica} of stage {actor.number}" if replica else f"stage {actor.number}"
