"""``annex-actors trace``: what the actors of a run did, as figures, a chart, a diagram, or records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines, print_note, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.tracing.table import Figures
    from annex_actors.tracing.trace import Trace

_FORMS = ("table", "gantt", "sequence", "perfetto", "csv", "json")
_OF_STEPS = ("gantt", "sequence")

_SHORT = {
    "no activation yet": "activation",
    "no gradient yet": "gradient",
    "no other message yet": "message",
    "hop": "hop",
    "credit spent": "credit",
    "schedule": "schedule",
    "waiting for a core": "core",
    "restarting": "restart",
    "not traced": "untraced",
    "not started": "outside",
    "finished": "outside",
}
"""What each reason of a wait is called at the head of a column: for what the actor waits."""

_RUN = "The folder of a run that was trained with --trace."
_OUT = "The file to write: .svg, .png or .pdf for a picture, .mmd for Mermaid; else the result is printed."
_STEP = (
    "The first step of a chart, from 0, by default one in the middle; or the step of a diagram, by default the first."
)
_STEPS = "How many steps a chart shows."
_DEFAULT_STEPS = 3


def trace(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help=_RUN)],
    to: Annotated[str, typer.Option(metavar="|".join(_FORMS), help="The form.")] = "table",
    step: Annotated[int | None, typer.Option(help=_STEP)] = None,
    steps: Annotated[int | None, typer.Option(help=_STEPS, show_default=str(_DEFAULT_STEPS))] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_OUT)] = None,
    debug: shared.Debug = False,
) -> None:
    """Show what the actors of a run did, and why they waited.

    A table has busy and idle times by reason; a chart (gantt, extra `plots`) has the ideal schedule above the real one;
    a sequence diagram has the messages of a step, as text, .mmd or a picture; perfetto is a file for
    https://ui.perfetto.dev; csv and json have every record.
    """
    from annex_actors.base.words import counted
    from annex_actors.tracing.trace_reader import read_trace

    _check(to, out, step, steps)
    found = read_trace(run_dir)
    if found.dropped:
        print_note(f"note: no room for {counted(found.dropped, 'record')}; trace fewer steps")
    if to == "table":
        _print_figures(found)
        return
    content = _content(found, to, _ending(out), step, steps or _DEFAULT_STEPS)
    if out is None:
        print_lines(content.decode().splitlines())
    else:
        _write(out, content)


def _check(to: str, out: Path | None, step: int | None, steps: int | None) -> None:
    """Check the options, before anything is read.

    Raises:
        ConfigError: one is unknown, out of range, or without a meaning for this form.
    """
    from annex_actors.base import checks
    from annex_actors.base.errors import ConfigError
    from annex_actors.tracing.pictures import FORMATS

    if to not in _FORMS:
        checks.unknown("--to", to, _FORMS)
    if to == "gantt" and _ending(out) not in FORMATS:
        raise ConfigError(f"expected --out to be a .{', .'.join(FORMATS)} file for a chart, got {out or 'none'}")
    for option, value, forms in (
        ("--out", out, _FORMS[1:]),
        ("--step", step, _OF_STEPS),
        ("--steps", steps, ("gantt",)),
    ):
        if value is not None and to not in forms:
            raise ConfigError(f"expected {option} with --to {' or '.join(forms)}, got --to {to}; leave {option} out")
    if step is not None:
        checks.whole_number("--step", step, at_least=0)
    if steps is not None:
        checks.whole_number("--steps", steps, at_least=1, limit=10_000)


def _ending(out: Path | None) -> str:
    return "" if out is None else out.suffix.lower().removeprefix(".")


def _content(trace: Trace, to: str, ending: str, step: int | None, steps: int) -> bytes:
    from annex_actors.tracing.perfetto import perfetto_of
    from annex_actors.tracing.rows import csv_of, json_of

    if to == "gantt":
        return trace.gantt(ending, step=step, steps=steps)
    if to == "sequence":
        return _sequence(trace, ending, trace.steps[0] if step is None and trace.steps else step)
    return {"perfetto": perfetto_of, "csv": csv_of, "json": json_of}[to](trace).encode()


def _sequence(trace: Trace, ending: str, step: int | None) -> bytes:
    from annex_actors.tracing.pictures import FORMATS
    from annex_actors.tracing.sequence import mermaid_of, picture_of, sequence_of

    if ending in FORMATS:
        return picture_of(trace, step, ending)
    return (mermaid_of if ending == "mmd" else sequence_of)(trace, step).encode() + b"\n"


def _write(out: Path, content: bytes) -> None:
    from annex_actors.base.files import writing
    from annex_actors.base.words import counted
    from annex_actors.training.atomic_files import write_whole

    with writing(out, "--out to be a file"):
        write_whole(out, content)
    print_result(f"wrote {out}, {counted(len(content), 'byte')}")


def _print_figures(trace: Trace) -> None:
    from annex_actors.tracing.table import figures_of

    figures = figures_of(trace)
    found = {_SHORT[reason] for each in figures.peers for reason in each.idle}
    columns = [name for name in dict.fromkeys(_SHORT.values()) if name in found]
    rows = []
    for each in figures.peers:
        idle = Counter[str]()
        for reason, seconds in each.idle.items():
            idle[_SHORT[reason]] += seconds  # type: ignore[assignment]  # seconds, and no count
        waits = [_percent(idle[name], figures.wall) for name in columns]
        rows.append([each.label, _percent(each.busy, figures.wall), *waits, each.mailbox])
    print_table(["actor", "busy", *columns, "mailbox"], rows)
    for sentence in _sentences(figures):
        print_result(sentence)


def _sentences(figures: Figures) -> list[str]:
    from annex_actors.base.words import counted

    lines = [f"{counted(figures.steps, 'step')} in {figures.wall:.3g} s; the columns are what an actor waited for"]
    if figures.bubble is not None:
        ideal = f"; the schedule alone: {figures.ideal_bubble:.0%}" if figures.ideal_bubble is not None else ""
        lines.append(f"bubble {figures.bubble:.0%} of the layers' time{ideal}")
    if figures.hop is not None:
        slowest = "" if figures.hop_99 is None else f", 99 of 100 below {figures.hop_99 * 1e6:,.0f} µs"
        lost = f", {counted(figures.lost, 'message')} lost" if figures.lost else ""
        lines.append(f"{counted(figures.messages, 'message')}, a hop takes {figures.hop * 1e6:,.0f} µs{slowest}{lost}")
    return lines


def _percent(part: float, whole: float) -> str:
    share = 100 * part / whole if whole else 0.0
    return "" if not part else f"{share:.0f} %" if share >= 1 else "<1 %"
