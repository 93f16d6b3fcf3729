"""Which lines about failures and restarts a run shows: each once, however often a failure repeats itself."""

from __future__ import annotations

from annex_actors.base.words import counted
from annex_actors.observe.lines import incident_line
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerHung, PeerMoved, PeerStarted
from annex_actors.protocol.messages import Address


class Incidents:
    """Tells the failures of a run while it goes on.

    A failure is told once its peer is up again, since a run that it ends says so itself. The same failure at the same
    message is counted, and so many more are told with the next line. A peer that is restarted because of another has no
    line.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._hung: set[Address] = set()
        self._failures: dict[Address, list[str]] = {}
        """What is to be told of a peer once it is up again."""
        self._again: dict[str, int] = {}

    def lines(self, event: Event) -> list[str]:
        """Return the lines to show now that this event is known."""
        match event:
            case EpochFinished():
                self._said.clear()
                return self._more()
            case PeerExited(orderly=False):
                self._end(event)
            case PeerStarted(address=address) if address in self._failures:
                return [*self._more(), *self._failures.pop(address), str(incident_line(event))]
            case PeerHung(address=address):
                self._hung.add(address)
                return self._once(event)
            case PeerMoved():  # what a person has asked for is told each time
                return [*self._more(), str(incident_line(event))]
            case PeerExited() | PeerStarted():
                pass
            case _:
                return self._once(event)
        return []

    def _end(self, event: PeerExited) -> None:
        line, is_told = str(incident_line(event)), event.address in self._hung
        self._hung.discard(event.address)
        if line in self._said and " at step " in line:
            self._again[event.label] = self._again.get(event.label, 0) + 1
            return
        self._said.add(line)
        self._failures[event.address] = [] if is_told else [line]

    def _once(self, event: Event) -> list[str]:
        line = incident_line(event)
        if line is None or line in self._said:
            return []
        self._said.add(line)
        return [*self._more(), line]

    def _more(self) -> list[str]:
        again, self._again = self._again, {}
        return [f"{label} failed {counted(times, 'more time')} at the same message" for label, times in again.items()]
