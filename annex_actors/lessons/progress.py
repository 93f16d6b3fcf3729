"""The learner's progress, which is kept in a file of their home between two sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import SMALL, home_folder, read_file, reading, writing
from annex_actors.lessons.taking import Record
from annex_actors.training.atomic_files import write_whole


def progress_file() -> Path | None:
    """Return where progress is kept, ``$XDG_STATE_HOME/annex-actors/lessons.json``; None where there is no home."""
    folder = home_folder("XDG_STATE_HOME", ".local/state")
    return None if folder is None else folder / "lessons.json"


def read_progress(path: Path | None) -> dict[int, Record]:
    """Return the record of each lesson that was begun, by its number.

    Raises:
        ConfigError: the file is not one that `keep_progress` wrote.
        DataError: it cannot be read.
    """
    if path is None or not path.exists():
        return {}
    with reading(path):
        content = read_file(path, limit=SMALL)
    try:
        return {int(number): _record(each) for number, each in json.loads(content).items()}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError(f"expected the progress of the course in {path}, got something else; delete it") from error


def keep_progress(path: Path | None, number: int, record: Record) -> None:
    """Keep the record of a lesson, beside those of the others.

    Raises:
        ConfigError: the file cannot be written.
    """
    if path is None:
        return
    records = {**read_progress(path), number: record}
    text = json.dumps({str(key): asdict(each) for key, each in sorted(records.items())}, indent=1)
    with writing(path, "a file for the progress of the course"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, text)


def _record(kept: Mapping[str, Any]) -> Record:
    answers = {str(name): float(answer) for name, answer in kept["answers"].items()}
    files = {str(name): str(file) for name, file in kept["files"].items()}
    return Record(int(kept["step"]), answers, tuple(map(str, kept["passed"])), files)
