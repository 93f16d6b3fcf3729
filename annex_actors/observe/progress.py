"""Progress for people: a line for each epoch, each crash and each restart; on a terminal with a live bar below them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from annex_actors.observe.lines import epoch_line, incident_line, metric_parts, number
from annex_actors.protocol.events import Event, Finished
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runtimes import Observer

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH_S = 0.1
"""Seconds between two drawings of the live bar: a step may take less than a millisecond."""


@contextmanager
def progress(stream: TextIO, *, epochs: int, steps: int) -> Iterator[Observer]:
    """Show a run on ``stream`` while the block lasts: with a live bar on a terminal, else as plain lines.

    Args:
        stream: usually standard error, so that standard output is free for the result.
        epochs: how many the run has.
        steps: how many the run has.
    """
    if not stream.isatty():
        yield PlainProgress(stream, epochs=epochs)
        return
    # Imported where it is used: a run without a terminal needs none of it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=8), TextColumn("{task.description}"))
    # Drawn in the observer's thread only: rich's own would be one more to stop.
    with Progress(*columns, console=Console(file=stream), auto_refresh=False, transient=True) as bar:
        yield LiveProgress(bar, epochs=epochs, steps=steps)


class PlainProgress:
    """A line for each epoch and each incident.

    Args:
        stream: where to.
        epochs: how many the run has.
        clock: seconds since any instant.
    """

    def __init__(self, stream: TextIO, *, epochs: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._stream = stream
        self._epochs = epochs
        self._finished = False
        self._tally = RunCounts(clock)

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        epoch = self._tally.take(event)
        line = epoch_line(epoch, self._epochs) if epoch else None if self._finished else incident_line(event)
        if line is not None:
            self._show(line)
        self._finished |= isinstance(event, Finished)

    def _show(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveProgress(PlainProgress):
    """The same lines, and below them a bar with step, cost, metric, throughput and restarts.

    Args:
        bar: draws on a terminal; nobody else draws with it.
        epochs: how many the run has.
        steps: how many the run has.
        clock: seconds since any instant.
    """

    def __init__(
        self, bar: Progress, *, epochs: int, steps: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(bar.console.file, epochs=epochs, clock=clock)  # type: ignore[arg-type]  # rich's IO[str]
        self._bar = bar
        self._task = bar.add_task("", total=steps)
        self._clock = clock
        self._drawn = clock()

    def on_event(self, event: Event) -> None:
        """Take one event in, and draw the bar anew if the last drawing is old enough."""
        super().on_event(event)
        now = self._clock()
        if now - self._drawn >= REFRESH_S:
            self._drawn = now
            self._bar.update(self._task, completed=self._tally.steps, description=self._status(), refresh=True)

    def _show(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _status(self) -> str:
        tally = self._tally
        last = tally.epochs[-1] if tally.epochs else None
        parts = [
            f"epoch {min(tally.finished + 1, self._epochs)}/{self._epochs}",
            f"step {tally.steps}",
            *([] if tally.cost is None else [f"cost {number(tally.cost)}"]),
            *(metric_parts(last.metrics) if last else []),
            f"{(last or tally).samples_per_second:,.0f}/s",
            f"restarts {tally.restarts}",
        ]
        return " ".join(parts)  # 80 columns, the bar and all
