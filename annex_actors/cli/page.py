"""What the commands that train share to show a run on a page: live, and saved at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from annex_actors.cli.output import print_note

if TYPE_CHECKING:
    from annex_actors.page.observation import Observation
    from annex_actors.runs.recorded_run import AttendantIn, RecordedRun

_OBSERVE = "Show the run on a page in a browser, at the link that is printed (extra `observe`)."
_CONTROL = "The same, with buttons that kill, move and slow layers and stop the run; each asks first."
_REPORT = "Write the run as a page, report.html, into its folder at the end, also if it failed."

Observe: TypeAlias = Annotated[bool, typer.Option("--observe", help=_OBSERVE)]
ObserveControl: TypeAlias = Annotated[bool, typer.Option("--observe-control", help=_CONTROL)]
Report: TypeAlias = Annotated[bool, typer.Option("--report", help=_REPORT)]


class Pages:
    """The pages of a run: one that is served, one that is saved, both or none.

    Args:
        observation: shows it live; None: it is not served.
        saved: whether to save it at the end.
    """

    def __init__(self, observation: Observation | None, *, saved: bool) -> None:
        self._observation = observation
        self._saved = saved

    @property
    def attendants(self) -> list[AttendantIn]:
        """What is beside the run while it goes on."""
        return [] if self._observation is None else [self._observation.watch]

    def end(self, run: RecordedRun) -> None:
        """Show how the run ended, and save its page.

        Raises:
            ConfigError: it cannot be written.
        """
        if self._observation is not None:
            self._observation.end(run)
        if self._saved:
            from annex_actors.page.report import save_report

            print_note(f"report in {save_report(run.directory.path)}")


@contextmanager
def pages_of(runtime: str, *, observe: bool, control: bool, report: bool) -> Iterator[Pages]:
    """Serve a run's page during the block, if it is asked for, and print its link; yield its pages.

    ``runtime`` is the name of the run's runtime.

    Raises:
        ConfigError: it cannot be served.
    """
    if not (observe or control):
        yield Pages(None, saved=report)
        return
    from annex_actors.page.observation import observing

    def show(link: str) -> None:
        print_note(f"{link} (the page of this run)")

    with observing(show, runtime=runtime, controls=control) as observation:
        yield Pages(observation, saved=report)
