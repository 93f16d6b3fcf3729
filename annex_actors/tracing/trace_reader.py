"""Read the trace of a run that is kept; its folder may come from anywhere, so nothing in it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.files import SMALL, read_file, reading
from annex_actors.base.words import counted
from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runs.run_directory import TRACE, TRACE_RECORDS
from annex_actors.runs.trace_files import MOST_IN_FILE
from annex_actors.runtimes.tracing.layout import NAME, RECORD, WORKED, Records
from annex_actors.tracing.trace import Trace


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text that can be printed")
    return text


_Name = Annotated[str, Field(min_length=1, max_length=NAME), AfterValidator(_printable)]
_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Stages = Annotated[int, Field(ge=0, lt=10**6)]

_LEAST = {"number": -1, "own_number": -1, "microbatch": WHOLE_STEP, "bytes": 0, "version": 0}
"""The least value of fields of a record."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Peer(_Part):
    id: _Name
    label: Annotated[str, Field(max_length=10_000)]


class _Exit(_Part):
    peer: _Name
    time: float
    reason: str
    orderly: bool


class _Header(_Part):
    """What ``trace.json`` holds."""

    version: Literal[2]
    run: str
    scope: str
    runtime: str
    cores: _Count | None
    schedule: str | None
    microbatches: Annotated[_Count, Field(ge=1)]
    stages: _Stages
    credit: list[int]
    peers: list[_Peer]
    names: list[_Name]
    exits: list[_Exit]
    dropped: _Count
    is_over: bool
    clock: dict[str, Any]


def read_trace(folder: str | Path) -> Trace:
    """Return the trace of a run that is kept: of `annex-actors train --trace all`.

    Args:
        folder: of the run; it may be running, or killed.

    Raises:
        DataError: the run was not traced, or its trace is damaged.
    """
    path = checks.path("folder", folder)
    if not (path / TRACE).exists():
        raise DataError(
            f"expected a run that was traced, got none in {path}; `annex-actors train --trace all` traces one"
        )
    with reading(path / TRACE):
        text = read_file(path / TRACE, limit=SMALL)
    with reading(path / TRACE_RECORDS):
        content = read_file(path / TRACE_RECORDS, limit=MOST_IN_FILE * RECORD.itemsize)
    header = _header(path / TRACE, text)
    records = np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)  # the last one may be torn
    names = np.max([records[field] for field in ("kind", "role", "own_role")], axis=0)
    records = records[names < len(header["names"])]  # others, if the run was killed between the two files
    _check(path / TRACE_RECORDS, records, header)
    return Trace({**header, "run": path.resolve().name}, records)


def _header(path: Path, text: bytes) -> dict[str, Any]:
    """Return what a trace is of.

    Raises:
        DataError: the file at ``path`` is none of ours.
    """
    try:
        header = _Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "JSON"
        raise DataError(f"expected {path} to be of a trace, got {place}: {first['msg']}; trace the run again") from None
    if not {str(stage_address(s)) for s in range(header.stages)} <= {each.id for each in header.peers}:
        raise DataError(f"expected {path} to name {counted(header.stages, 'stage')}, got others; trace the run again")
    return header.model_dump()


def _check(path: Path, records: Records, header: Mapping[str, Any]) -> None:
    """Check that records are what peers of this run can have written.

    Raises:
        DataError: some are not.
    """
    names = header["names"]
    own = np.unique(records[["own_role", "own_number"]])
    own_names = [str(Address(names[role], None if number < 0 else number)) for role, number in own.tolist()]
    work = records["what"] == WORKED
    is_right = (
        {*own_names} <= {each["id"] for each in header["peers"]}
        and np.isfinite(records["start"]).all()
        and np.isfinite(records["end"]).all()
        and (records["end"] >= records["start"])[work].all()
        and (records["what"] <= WORKED).all()
        and all((records[field] >= least).all() for field, least in _LEAST.items())
    )
    if not is_right:
        raise DataError(f"expected {path} to hold what the run's actors recorded, got other bytes; trace the run again")
