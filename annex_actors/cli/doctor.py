"""``annex-actors doctor``: what is wrong with the actors of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table
from annex_actors.cli.status import short

if TYPE_CHECKING:
    from annex_actors.control.findings import Checkup


def doctor(run: shared.RunHere = None, json: shared.Json = False, debug: shared.Debug = False) -> int:
    """Probe each actor of a run, watch all for a second, and name what is wrong: exit 0 if nothing is, else 1.

    What it finds: an actor that does not answer (its process is stopped), hangs in one piece of work (with the file and
    line where it spins or blocks), is restarting over and over, has far more mail than its schedule allows, or only is
    far slower than the others.
    """
    from annex_actors.control.current import diagnosis_of
    from annex_actors.control.folders import meant

    found = diagnosis_of(meant(run, Path()))
    if json:
        print_json(found.model_dump_json())
        return 0 if found.fine else 1
    if found.text:
        print_result(f"{found.run}: {found.text}")
    if found.actors:
        rows = list(map(_row, found.actors))
        names = [name for name in rows[0] if name != "node" or any(row[name] for row in rows)]
        print_table(names, [[row[name] for name in names] for row in rows])
    for each in found.actors:
        if each.text:
            print_result("\n".join(["", f"{each.label}: {each.verdict}: {each.text}", *_calls(each)]))
    if found.fine:
        print_result("fine")
    return 0 if found.fine else 1


_CALLS = 6
"""How many calls of a stack are printed, the innermost ones; ``--json`` has all."""


_LONG_S = 0.1
"""Seconds from which a piece of work is worth a line; ``--json`` has all."""


def _calls(actor: Checkup) -> list[str]:
    return [f"    {call}" for call in actor.stack[-_CALLS:]]


def _row(actor: Checkup) -> dict[str, str]:
    is_long = actor.work is not None and (actor.work_seconds or 0.0) >= _LONG_S
    return {
        "actor": actor.label,
        "node": actor.node,
        "verdict": actor.verdict,
        "answer": "none" if actor.answer_ms is None else f"{actor.answer_ms:.1f} ms",
        "mail": "" if actor.mailbox is None else f"{actor.mailbox:,}",
        "work": f"{short(actor.work or '')} for {actor.work_seconds:.1f} s" if is_long else "",
    }
