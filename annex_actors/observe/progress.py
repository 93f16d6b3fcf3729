"""A run's progress: lines for epochs, crashes and restarts, and on a terminal a live bar below the lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from annex_actors.base.columns import width_of, wrapped
from annex_actors.base.texts import printable
from annex_actors.observe.incidents import Incidents
from annex_actors.observe.lines import epoch_line, status_line
from annex_actors.protocol.events import Event, Finished
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runtimes import Observer

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH_S = 0.1
"""Seconds between two updates of the live bar: a step may take less than a millisecond."""

MOST_LINES = 50
"""About how many epochs' lines a run has: one for every epoch, or for every k-th one if there are more epochs."""

SILENCE_S = 60.0
"""Seconds after which the next epoch has a line in any case."""


@contextmanager
def progress(stream: TextIO, *, epochs: int, steps: int, every: int | None = None) -> Iterator[Observer]:
    """Show a run on ``stream`` during the block: with a live bar on a terminal, else as plain lines.

    Args:
        stream: usually standard error, so that standard output is free for the result.
        epochs: how many epochs the run has.
        steps: how many steps the run has.
        every: show the line of every so many epochs, and of the first and the last one; None: so many that there are
            about `MOST_LINES`, and more where none was shown for `SILENCE_S`.
    """
    if not stream.isatty():
        plain = PlainProgress(stream, epochs=epochs, every=every)
        try:
            yield plain
        finally:
            plain.end()
        return
    # Imported here: a run without a terminal does not need it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=_BAR), TextColumn("{task.description}", markup=False))
    # No automatic refresh: the bar is drawn in the observer's thread, so that there is no thread of rich's to stop.
    with Progress(*columns, console=Console(file=stream), auto_refresh=False, transient=True) as bar:
        live = LiveProgress(bar, epochs=epochs, steps=steps, every=every)
        try:
            yield live
        finally:
            live.end()


_BAR = 8


class PlainProgress:
    """An observer that prints a line for each epoch and each incident.

    Args:
        stream: where to print.
        epochs: how many epochs the run has.
        every: see `progress`.
    """

    def __init__(self, stream: TextIO, *, epochs: int, every: int | None = None) -> None:
        self._stream = stream
        self._epochs = epochs
        self._is_thinned = every is None
        self._every = every or -(-epochs // MOST_LINES)
        self._shown_at: float | None = None
        self._finished = False
        self._counts = RunCounts()
        self._shown = 0
        self._incidents = Incidents()

    @property
    def width(self) -> int:
        """How wide its lines may be now."""
        return width_of(self._stream)

    def on_event(self, event: Event) -> None:
        """Count an event, and print its line if it has one."""
        for line in [] if self._finished else self._incidents.lines(event):
            self._show(printable(line))
        epoch = self._counts.count(event)
        if epoch is not None and self._is_due(epoch, event.time):
            self._shown_at = event.time
            self._show_last()
        self._finished |= isinstance(event, Finished)

    def end(self) -> None:
        """Print the line of the last epoch, if it was left out."""
        if self._shown < self._counts.finished:
            self._show_last()

    def _is_due(self, epoch: EpochRecord, time: float) -> bool:
        is_kth = epoch.epoch % self._every == 0 or epoch.epoch == self._epochs
        return is_kth or self._shown_at is None or (self._is_thinned and time - self._shown_at >= SILENCE_S)

    def _show_last(self) -> None:
        self._shown = self._counts.finished
        self._show(epoch_line(self._counts.epochs[-1], self._epochs, self.width))

    def _show(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveProgress(PlainProgress):
    """An observer that prints the same lines, and below them a bar with step, cost, metrics, throughput and restarts.

    Args:
        bar: draws on a terminal; not shared with other code.
        epochs: how many epochs the run has.
        steps: how many steps the run has.
        every: see `progress`.
        clock: seconds since any instant: when the bar was last drawn. No figure depends on it.
    """

    def __init__(
        self,
        bar: Progress,
        *,
        epochs: int,
        steps: int,
        every: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(bar.console.file, epochs=epochs, every=every)  # type: ignore[arg-type]  # rich's IO[str]
        self._bar = bar
        self._task = bar.add_task("", total=steps)
        self._clock = clock
        self._drawn = clock()

    @property
    def width(self) -> int:
        """How wide the terminal is now."""
        return self._bar.console.width

    def on_event(self, event: Event) -> None:
        """Count an event, print its line if it has one, and update the bar if `REFRESH_S` have passed."""
        super().on_event(event)
        now = self._clock()
        if now - self._drawn >= REFRESH_S:
            self._drawn = now
            status = status_line(self._counts, self._epochs, self.width - _BAR - 1)
            self._bar.update(self._task, completed=self._counts.steps, description=status, refresh=True)

    def _show(self, line: str) -> None:
        self._bar.console.print(wrapped(line, self.width), markup=False, highlight=False, soft_wrap=True)
