"""A run's folder as a page in one file."""

from __future__ import annotations

from pathlib import Path

from annex_actors.base.files import writing
from annex_actors.page.saved_page import saved_page
from annex_actors.page.saved_records import records_of
from annex_actors.runs.run_directory import REPORT
from annex_actors.runs.saved_run import SavedRun
from annex_actors.training.atomic_files import write_whole


def report_of(path: str | Path) -> str:
    """Return the page of a run in a folder as HTML.

    Raises:
        DataError: there is no run, or a file is damaged; the message names it.
    """
    return saved_page(records_of(SavedRun.open(path)))


def save_report(path: Path) -> Path:
    """Write the page of a run into its folder, and return the file.

    Raises:
        DataError: as of `report_of`.
        ConfigError: it cannot be written.
    """
    file = path / REPORT
    with writing(file, "a report"):
        write_whole(file, report_of(path))
    return file
