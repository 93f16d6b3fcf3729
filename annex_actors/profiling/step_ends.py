"""How long a step takes in a block of them, by the events of a run: on any runtime, and without an instrument."""

from __future__ import annotations

from annex_actors.protocol.events import Event, StepFinished


class StepEnds:
    """Notes when the cost of each step of a block is known; an observer."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def on_event(self, event: Event) -> None:
        """Note the end of a step."""
        if isinstance(event, StepFinished):
            self._times.append(event.time)

    def seconds(self, first: int) -> float:
        """Return the mean time of a step in seconds, without the ``first`` ones, in which the pipeline fills."""
        times = self._times[first - 1 :]
        return (times[-1] - times[0]) / (len(times) - 1)
