"""A run's progress: a line for each epoch, crash and restart, and on a terminal a live bar below the lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from annex_actors.base.texts import printable
from annex_actors.observe.lines import epoch_line, incident_line, metric_parts, number
from annex_actors.protocol.events import Event, Finished
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runtimes import Observer

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH_S = 0.1
"""Seconds between two updates of the live bar: a step may take less than a millisecond."""


@contextmanager
def progress(stream: TextIO, *, epochs: int, steps: int) -> Iterator[Observer]:
    """Show a run on ``stream`` during the block: with a live bar on a terminal, else as plain lines.

    Args:
        stream: usually standard error, so that standard output is free for the result.
        epochs: how many epochs the run has.
        steps: how many steps the run has.
    """
    if not stream.isatty():
        yield PlainProgress(stream, epochs=epochs)
        return
    # Imported here: a run without a terminal does not need it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=8), TextColumn("{task.description}"))
    # No automatic refresh: the bar is drawn in the observer's thread, so that there is no thread of rich's to stop.
    with Progress(*columns, console=Console(file=stream), auto_refresh=False, transient=True) as bar:
        yield LiveProgress(bar, epochs=epochs, steps=steps)


class PlainProgress:
    """An observer that prints a line for each epoch and each incident.

    Args:
        stream: where to print.
        epochs: how many epochs the run has.
        clock: returns seconds since any instant.
    """

    def __init__(self, stream: TextIO, *, epochs: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._stream = stream
        self._epochs = epochs
        self._finished = False
        self._counts = RunCounts(clock)

    def on_event(self, event: Event) -> None:
        """Count an event, and print its line if it has one."""
        epoch = self._counts.count(event)
        line = epoch_line(epoch, self._epochs) if epoch else None if self._finished else incident_line(event)
        if line is not None:
            self._show(printable(line))
        self._finished |= isinstance(event, Finished)

    def _show(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveProgress(PlainProgress):
    """An observer that prints the same lines, and below them a bar with step, cost, metrics, throughput and restarts.

    Args:
        bar: draws on a terminal; not shared with other code.
        epochs: how many epochs the run has.
        steps: how many steps the run has.
        clock: returns seconds since any instant.
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
        """Count an event, print its line if it has one, and update the bar if `REFRESH_S` have passed."""
        super().on_event(event)
        now = self._clock()
        if now - self._drawn >= REFRESH_S:
            self._drawn = now
            self._bar.update(self._task, completed=self._counts.steps, description=self._status(), refresh=True)

    def _show(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _status(self) -> str:
        counts = self._counts
        last = counts.epochs[-1] if counts.epochs else None
        parts = [
            f"epoch {min(counts.finished + 1, self._epochs)}/{self._epochs}",
            f"step {counts.steps}",
            *([] if counts.cost is None else [f"cost {number(counts.cost)}"]),
            *(metric_parts(last.metrics) if last else []),
            f"{(last or counts).samples_per_second:,.0f}/s",
            f"restarts {counts.restarts}",
        ]
        return " ".join(parts)  # fits in 80 columns, with the bar
