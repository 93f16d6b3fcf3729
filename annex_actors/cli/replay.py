"""``annex-actors replay``: do a piece of a run again, alone, in one process, and compare it with what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from annex_actors.replay.debugger import Debugger
    from annex_actors.replay.pieces import PieceReport, ReplayReport
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

    saved = SavedRun.open(run_dir)
    report = _replayed(saved, step, layer, microbatch, work, load or [], _debugger(pdb))
    if json:
        print_json(report.model_dump_json())
    else:
        print_result("\n".join(_lines(report)))
    return 0 if report.difference is None else 1


def _debugger(wanted: bool) -> Debugger | None:
    if not wanted:
        return None
    from annex_actors.replay.debugger import Debugger

    return Debugger(print_note)


def _replayed(
    saved: SavedRun,
    step: int | None,
    layer: int | None,
    microbatch: int | None,
    work: str | None,
    load: list[Path],
    debugger: Debugger | None,
) -> ReplayReport:
    from annex_actors.base.errors import ConfigError
    from annex_actors.replay.kept import first_cause, replay_failure
    from annex_actors.replay.oracle import replay
    from annex_actors.replay.pieces import Selection
    from annex_actors.runs.resumption import Resumption

    config = saved.config_for(load, print_note).on_runtime("inline")
    if step is None:
        if (layer, microbatch, work) != (None, None, None):
            raise ConfigError("expected `--step` with `--layer`, `--microbatch` and `--work`, got none; add it")
        record = first_cause(saved)
        if record is None:
            raise ConfigError(
                f"expected a run in which a layer has failed, got {saved.path}, which has kept no failure; "
                "name a piece with --step, --layer and --microbatch"
            )
        if record.has_arrays:
            return replay_failure(saved, record, config.learner(), debugger)
        message, failure = record.message, record
        print_note(f"what {record.name} was given is not kept whole: it is replayed from a checkpoint and the data")
        selection = Selection(message.step, record.layer, message.microbatch if message.microbatch >= 0 else None)
    else:
        failure, selection = None, Selection(step, layer, microbatch, work)
    resumption = Resumption.prepare(saved, config, config.learner(), config.load())
    return replay(resumption, selection, failure=failure, debugger=debugger, note=print_note)


def _lines(report: ReplayReport) -> list[str]:
    lines = [f"replayed from {report.begins}"]
    lines += [
        _piece(piece, failed=report.failure is not None and piece is report.pieces[-1]) for piece in report.pieces
    ]
    if report.failure is not None:
        again = "as in the run" if report.failure.is_recorded else "which the run has not recorded"
        lines += [f"failed, {again}: {report.failure.error}", *report.failure.frames.splitlines()]
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
