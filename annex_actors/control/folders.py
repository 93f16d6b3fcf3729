"""The runs of a folder: which there are, and which one a user means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.texts import listed
from annex_actors.runs.run_lock import holder_of

CONFIG = "config.toml"
"""As in `annex_actors.runs.run_directory`, which takes half a second to import."""

RUNS = "runs"
"""Where `annex-actors train` makes folders, unless it is told otherwise."""


def runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder and in its ``runs/``, the newest first."""
    found = [path for place in (folder / RUNS, folder) for path in _folders(place) if (path / CONFIG).is_file()]
    return sorted(found, key=begun_at, reverse=True)


def begun_at(run: Path) -> float:
    """Return when a run began, in seconds since 1970."""
    with suppress(OSError):
        return (run / CONFIG).stat().st_mtime
    return 0.0


def meant(run: Path | None, here: Path) -> Path:
    """Return the run that a user means: the one that was named; else the one that runs here, or the newest.

    Raises:
        ConfigError: several run here.
        DataError: no run is here.
    """
    if run is not None:
        return run if (run / CONFIG).is_file() else _refused(run)
    found = runs_in(here)
    if not found:
        raise DataError(f"expected a run in {here / RUNS} or {here}, got none; name its folder")
    running = [each for each in found if holder_of(each) is not None]
    if len(running) > 1:
        raise ConfigError(f"expected one run that goes on here, got {listed(running)}; name the one that you mean")
    return (running or found)[0]


def _refused(run: Path) -> NoReturn:
    # Imported here: see `CONFIG`.
    from annex_actors.runs.saved_run import SavedRun

    SavedRun.open(run)
    raise DataError(f"expected a run in {run}, got one without {CONFIG}; it was damaged")


def _folders(place: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir():
                yield Path(os.path.normpath(entry.path))
