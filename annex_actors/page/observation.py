"""A page beside a run: it is served from before the first actor starts until the outcome is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from annex_actors.control.journal import Journal
from annex_actors.control.view import View, Viewer
from annex_actors.page.application import Application
from annex_actors.page.feed import Feed, Record
from annex_actors.page.live_trace import LiveTrace
from annex_actors.page.run_actions import RunActions
from annex_actors.page.saved_records import end_of
from annex_actors.page.server import serving
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.runs.event_log import read_events, record_of
from annex_actors.runs.recorded_run import RecordedRun
from annex_actors.runtimes import Job, Program


class Observation:
    """Shows one run on a page: the `Source` of the application.

    Args:
        feed: what the page shows.
        actions: what its buttons act on.
        runtime: the name of its runtime.
    """

    def __init__(self, feed: Feed, actions: RunActions, runtime: str) -> None:
        self.runtime = runtime
        self._feed = feed
        self._actions = actions
        self._lock = Lock()
        self._is_viewed = False
        self._trace: LiveTrace | None = None
        self._viewer: Viewer | None = None

    def watch(self, folder: Path) -> Watch:
        """Return what shows the run in a folder while it goes on."""
        return Watch(folder, self)

    def put(self, record: Record) -> None:
        """Show a record."""
        self._feed.put(record)

    def look(self) -> Iterator[Record]:
        """Yield what a look at the run shows; nothing while none goes on."""
        viewer, trace = self._viewer, self._trace
        if viewer is not None:
            yield {"type": "status", **viewer.look().model_dump(mode="json")}
        if trace is not None:
            yield from trace.rows()

    def begin_viewing(self) -> None:
        """Let the peers record, if the run is traced."""
        with self._lock:
            self._is_viewed = True
            if self._trace is not None:
                self._trace.listen()

    def end_viewing(self) -> None:
        """Let them record no longer for a page."""
        with self._lock:
            self._is_viewed = False
            if self._trace is not None:
                self._trace.unlisten()

    @contextmanager
    def during(self, view: View) -> Iterator[None]:
        """Look at a run, and let the buttons act on it, during the block."""
        trace = view.program.trace
        with self._lock:
            self._viewer, self._trace = Viewer(view), None if trace is None else LiveTrace(trace)
            if self._trace is not None and self._is_viewed:
                self._trace.listen()
        self._actions.begin(view)
        try:
            yield
        finally:
            self._actions.end()
            self._viewer = None

    def end(self, run: RecordedRun) -> None:
        """Show how the run ended."""
        self.put(end_of(run.directory.path, run.report))


class Watch:
    """An observer and attendant of a run, which shows it on a page.

    Args:
        folder: of the run.
        observation: where it is shown.
    """

    def __init__(self, folder: Path, observation: Observation) -> None:
        self._folder = folder
        self._observation = observation
        self._journal = Journal()

    def on_event(self, event: Event) -> None:
        """Show an event."""
        self._journal.on_event(event)
        if isinstance(event, StepFinished):
            cost = {"type": "cost", "step": event.step, "cost": event.cost, "time": event.time}
            self._observation.put(cost)
        else:
            self._observation.put(record_of(event))

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Show the run during the block, with what was before a resume."""
        for record in read_events(self._folder):
            self._observation.put(record)
        view = View(str(self._folder), self._observation.runtime, job, program, self._journal)
        with self._observation.during(view):
            yield


@contextmanager
def observing(show_link: Callable[[str], None], *, runtime: str, controls: bool = False) -> Iterator[Observation]:
    """Serve a page during the block, and yield what shows a run on it.

    Args:
        show_link: called with the page's link.
        runtime: the name of the run's runtime.
        controls: whether the page has buttons that kill, move, slow and stop.

    Raises:
        ConfigError: Starlette or uvicorn is not installed, or no port can be had.
    """
    feed, actions = Feed(), RunActions()
    observation = Observation(feed, actions, runtime)
    with serving(Application(feed, observation, actions if controls else None)) as link:
        show_link(link)
        yield observation
