"""A run in which nothing can ever happen again is found, and ends with an error that says who waits for what.

Hosts with peers in parallel see no queue and no channel as a whole. So once the watchdog finds the run quiet, all peers
are surveyed (see `protocol.survey`). No time decides anything: if one peer works, starts, hangs or is stopped, it does
not answer, and nothing is concluded; a restart voids the survey. The next one will show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from annex_actors.protocol.messages import WHOLE_STEP, Address, Envelope
from annex_actors.protocol.survey import SURVEYOR, Marker, Waiting
from annex_actors.runtimes.hosting.failures import standstill
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.peer_ref import Peers
from annex_actors.runtimes.program import Program


@dataclass(eq=False, slots=True)
class _Survey:
    """A survey under way, and for what those wait that have answered."""

    number: int
    waits: dict[Address, str | None] = field(default_factory=dict)


class Surveyor:
    """Surveys the peers of a run; they know it as `SURVEYOR`.

    Its methods may be called from any thread, and take no lock: a thread that sends an answer may be killed in the
    middle of it, and would never release the lock.

    Args:
        program: the run.
        peers: the peers that are up.
        outcome: of the run.
    """

    def __init__(self, program: Program, peers: Peers, outcome: Outcome) -> None:
        self._run = program.run
        self._driver = program.driver.address
        self._labels = {spec.address: spec.label for spec in (program.driver, *program.served)}
        self._peers = peers
        self._outcome = outcome
        self._numbers = count(1)
        self._survey: _Survey | None = None

    def begin(self) -> None:
        """Begin a survey, in place of the one before, if every peer is up and the run is not over."""
        peers = [self._peers.at(address) for address in self._labels]
        if self._outcome.over or None in peers:
            return
        self._survey = survey = _Survey(next(self._numbers))
        marker = Envelope(SURVEYOR, 1, 0, Marker(self._run, 0, WHOLE_STEP, WHOLE_STEP, survey.number))
        for peer in peers:
            if peer is not None:
                peer.tell(marker)

    def void(self) -> None:
        """Give up the survey under way, since a new incarnation of a peer begins: its start makes messages again."""
        self._survey = None

    def tell(self, envelope: Envelope) -> None:
        """Take the answer of a peer; after the last one, end the run if its driver waits for what cannot come."""
        survey, answer = self._survey, envelope.message
        if survey is None or not isinstance(answer, Waiting) or answer.survey != survey.number:
            return
        survey.waits[envelope.sender] = answer.waits_for
        if len(survey.waits) == len(self._labels) and survey.waits[self._driver] is not None:
            self._conclude(survey)

    def _conclude(self, survey: _Survey) -> None:
        if self._survey is survey and not self._outcome.over:
            self._outcome.fail(standstill((label, survey.waits[each]) for each, label in self._labels.items()))
