"""``kill -9`` of a layer before and after every single step of its host in the protocol.

That is before and after each message received, each send, each commit, and each message of a resumption; once, and
again while it recovers. The process really dies there, between two instructions.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import Envelope
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import ProcessesRuntime, Supervision
from tests.matrix import matrix
from tests.trainings import WIDE, Training, carry_out, undisturbed

POINTS = 130
"""More points than a stage of these trainings passes before its last step."""

RECOVERY = 25
"""Points of the second incarnation: it loads its commit, asks its neighbours, sends again, receives."""


class MortalNode:
    """A node whose process dies at one of the points that it counts.

    Args:
        node: the node.
        journal: a file with a line for each incarnation.
        deaths: for each incarnation, the point at which it dies; later incarnations live on.
    """

    def __init__(self, node: Node, journal: Path, deaths: tuple[int, ...]) -> None:
        self._node = node
        before = len(journal.read_text().splitlines()) if journal.exists() else 0
        with journal.open("a") as file:
            file.write("incarnation\n")
        self._death = deaths[before] if before < len(deaths) else None
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def start(self) -> Iterator[Effect]:
        return self._mortal(self._node.start())

    def receive(self, envelope: Envelope) -> None:
        self._pass()
        self._node.receive(envelope)
        self._pass()

    def work(self) -> Iterator[Effect] | None:
        effects = self._node.work()
        return None if effects is None else self._mortal(effects)

    def _mortal(self, effects: Iterable[Effect]) -> Iterator[Effect]:
        for effect in effects:
            assert isinstance(effect, Send | Commit)
            self._pass()
            yield effect
            self._pass()

    def _pass(self) -> None:
        if self._count == self._death:
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1


@dataclass(frozen=True)
class MortalStage(StageSpec):
    """A stage that is hosted by a mortal process."""

    journal: Path = field(kw_only=True)
    deaths: tuple[int, ...] = field(kw_only=True)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        node = super().node(snapshot, incarnation, instrument, is_due)
        return cast(Node, MortalNode(node, self.journal, self.deaths))


@cache
def training(schedule: str) -> Training:
    return Training(network=WIDE, schedule=schedule, microbatches=2, epochs=3)


Case = tuple[str, int, tuple[int, ...]]
"""Schedule, stage, and the point at which each of its incarnations dies."""

CASES: list[Case] = [
    *((schedule, stage, (point,)) for schedule in ("1f1b", "2bw") for stage in (0, 2, 4) for point in range(POINTS)),
    *(
        (schedule, stage, (first, second))
        for schedule in ("1f1b", "2bw")
        for stage in (0, 2, 4)
        for first in (0, 17, 61)
        for second in range(RECOVERY)
    ),
]


COVERING = {("1f1b", 0, 1), ("1f1b", 2, 2), ("1f1b", 4, 1), ("2bw", 0, 2), ("2bw", 2, 1), ("2bw", 4, 2)}
"""Schedule, stage and number of deaths of the sample: every two of them meet once."""


def sampled() -> list[Any]:
    """Return the cases as parameters; of each kind in `COVERING` one runs without ``--whole``, at a seeded point."""
    by_kind: dict[tuple[str, int, int], list[Case]] = {}
    for case in CASES:
        by_kind.setdefault((case[0], case[1], len(case[2])), []).append(case)
    return [
        parameter
        for seed, (kind, cases) in enumerate(by_kind.items())
        for parameter in matrix(cases, sample=int(kind in COVERING), id=identify, seed=seed)
    ]


def identify(case: Case) -> str:
    return f"{case[0]}, stage {case[1]}, {case[2]}"


@pytest.mark.parametrize("case", sampled())
def test_a_process_that_dies_at_any_point_of_the_protocol_changes_nothing(case: Case, tmp_path: Path) -> None:
    schedule, at, deaths = case
    wanted = training(schedule)
    stages = list(wanted.stage_specs())
    values = {each.name: getattr(stages[at], each.name) for each in fields(StageSpec)}
    journal = tmp_path / "journal"
    stages[at] = MortalStage(**values, journal=journal, deaths=deaths)
    program = replace(wanted.program(supervision=Supervision(max_restarts=1000)), stages=tuple(stages))
    host = ProcessesRuntime(spares=0, commit_every=1 + deaths[0] % 4)
    outcome = carry_out(program, host, wanted.initial)
    assert outcome.fingerprints == undisturbed(wanted).fingerprints
    assert outcome.history == undisturbed(wanted).history
    assert outcome.restarts == len(deaths), "it did not die where it should have"
    assert journal.read_text() == "incarnation\n" * (len(deaths) + 1)
