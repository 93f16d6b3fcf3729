"""``annex-actors replay``: do a piece of a run again, alone, in one process, and compare it with what is recorded."""

from __future__ import annotations

import faulthandler
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from annex_actors.replay.debugger import Debugger
    from annex_actors.replay.pieces import PieceReport, ReplayReport, Selection
    from annex_actors.runs.saved_run import SavedRun

_STEP = "The step of the pieces, from 0; by default the failure that ended the run."
_LAYER = "The layer, from 0, the cost is the last; by default all."
_MICROBATCH = "The microbatch, from 0; by default all, and the work on the whole step."
_PDB = "Open Python's debugger in the layer, before each piece, and where one fails."


def replay(
    run_dir: shared.RunDir,
    step: Annotated[int | None, typer.Option(help=_STEP)] = None,
    layer: Annotated[int | None, typer.Option(help=_LAYER)] = None,
    microbatch: Annotated[int | None, typer.Option(help=_MICROBATCH)] = None,
    work: Annotated[
        str | None, typer.Option(metavar="forward|backward|weight_gradient", help="The kind of work; by default all.")
    ] = None,
    pdb: Annotated[bool, typer.Option("--pdb", help=_PDB)] = False,
    load: shared.LoadInstead = None,
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> int:
    """Replay a piece of a run's work in one process, and compare it with what the run recorded.

    Without options, the failure that ended the run is repeated, from what was kept of it alone. Any other piece is
    repeated from the last checkpoint before it and the data.
    """
    from annex_actors.runs.saved_run import SavedRun

    saved, selection = SavedRun.open(run_dir), _selection(step, layer, microbatch, work)
    report = _replayed(saved, selection, load or [], _debugger(pdb))
    if json:
        print_json(report.model_dump_json())
    else:
        print_result("\n".join(_lines(report)))
    return 0 if report.is_equal else 1


def _selection(step: int | None, layer: int | None, microbatch: int | None, work: str | None) -> Selection | None:
    from annex_actors.base.errors import ConfigError
    from annex_actors.replay.pieces import Selection

    if step is not None:
        return Selection(step, layer, microbatch, work)
    if (layer, microbatch, work) != (None, None, None):
        raise ConfigError("expected `--step` with `--layer`, `--microbatch` and `--work`, got none; add it")
    return None


def _debugger(wanted: bool) -> Debugger | None:
    if not wanted:
        return None
    from annex_actors.replay.debugger import Debugger

    return Debugger(print_note)


def _replayed(
    saved: SavedRun, selection: Selection | None, load: list[Path], debugger: Debugger | None
) -> ReplayReport:
    from annex_actors.base.errors import ConfigError
    from annex_actors.replay.causes import first_cause
    from annex_actors.replay.kept import replay_failure
    from annex_actors.replay.oracle import replay
    from annex_actors.runs.resumption import Resumption

    _show_crashes_of_this_process()
    config, cause = saved.config_for(load, print_note).on_runtime("inline"), None
    if selection is None:
        cause = first_cause(saved)
        if cause is None:
            raise ConfigError(
                f"expected a run in which a layer has failed, got {saved.path}, which has kept no failure; "
                "name a piece with --step, --layer and --microbatch"
            )
        if cause.record is not None and cause.record.has_arrays:
            return replay_failure(saved, cause, cause.record, config.learner(), debugger)
        print_note(f"what the layer was given is not kept; it is computed again from the data: {cause.error}")
        selection = cause.pieces
    resumption = Resumption.prepare(saved, config, config.learner(), config.load())
    return replay(resumption, selection, failure=cause.error if cause else None, debugger=debugger, note=print_note)


def _show_crashes_of_this_process() -> None:
    """Let Python print the lines at work where a library ends the process, as it may have ended the layer's."""
    if not faulthandler.is_enabled():
        with suppress(OSError, ValueError):  # standard error is no file
            faulthandler.enable()


def _lines(report: ReplayReport) -> list[str]:
    lines = [f"replayed from {report.begins}"]
    lines += [
        _piece(piece, failed=report.failure is not None and piece is report.pieces[-1]) for piece in report.pieces
    ]
    if report.failure is not None:
        again = "as in the run" if report.failure.is_recorded else "which the run has not recorded"
        lines += [f"failed, {again}: {report.failure.error}", *(report.failure.traceback or "").splitlines()]
    elif report.recorded_failure is not None:
        lines.append(f"did not fail again, so the cause is not in what it was given: {report.recorded_failure}")
    if report.difference is not None:
        return [*lines, f"different: {report.difference}"]
    equal = {
        counted(report.pieces_equal, "piece"): report.pieces_equal,
        counted(report.costs_equal, "cost"): report.costs_equal,
        f"the checkpoint at step {', '.join(map(str, report.checkpoints_equal))}": len(report.checkpoints_equal),
    }
    known = [what for what, count in equal.items() if count]
    return [*lines, f"equal to what the run recorded: {', '.join(known)}"] if known else lines


def _piece(piece: PieceReport, *, failed: bool) -> str:
    given = ", ".join(piece.given) or "what it kept"
    line = f"{piece.layer}: {piece.place}, given {given}"
    if failed:
        return line
    made = ", ".join(piece.made) or "nothing for others"
    if piece.fingerprint is None:
        return f"{line}, made {made}"
    if piece.recorded is None:
        return f"{line}, made {made}: {piece.fingerprint}, not recorded"
    verdict = "equal to" if piece.recorded == piece.fingerprint else f"not {piece.fingerprint},"
    return f"{line}, made {made}: {verdict} the recorded hash {piece.recorded}"
