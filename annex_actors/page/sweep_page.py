"""A sweep as a page in one file: a heat map for each schedule, and the combinations that no other beats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from annex_actors.base.words import counted
from annex_actors.experiments.sweep import Swept, front
from annex_actors.page.saved_page import policy, text_of

_HEATS, _PERCENT = 10, 4.5
"""Shades of a cell, and how much more of the accent each has: text is easy to read on the last, in light and dark."""

_STYLE = """
main { grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); padding-top: 16px; }
h2 { margin-bottom: 8px; }
td, th { padding: 4px 10px; text-align: right; font-weight: 400; }
th { color: var(--quiet); font-size: 12px; }
tbody th { border: 0; }
@media (max-width: 500px) { td, th { padding: 4px 6px; } }
td { height: auto; border: 1px solid var(--card); border-radius: 6px; }
td small { display: block; color: var(--quiet); }
td[class] small { color: inherit; }
td.front { outline: 2px solid var(--good); outline-offset: -2px; }
""" + "\n".join(
    f"td.heat-{heat} {{ background: color-mix(in srgb, var(--accent) {_PERCENT * heat}%, var(--card)); }}"
    for heat in range(_HEATS + 1)
)

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>annex-actors sweep</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="quiet">Predicted milliseconds of a step, and the memory of the stage that keeps most, by stages (across) and
microbatches (down). The stronger the colour, the slower. A green frame: no other beats it in time and in memory.</p>
</header>
<main>
{sections}
</main>
</body>
</html>
"""


def sweep_page(points: Sequence[Swept]) -> str:
    """Return a sweep as one HTML file, which works offline, in light and in dark.

    Args:
        points: of the sweep, at least one.
    """
    style, best = text_of("page.css") + _STYLE, front(points)
    schedules = list(dict.fromkeys(each.schedule for each in points))
    sections = [_heat_map(schedule, points, best) for schedule in schedules]
    return _FRAME.format(
        policy=policy(style),
        style=style,
        title=f"Sweep of {counted(len(points), 'combination')}",
        sections="\n".join([*sections, _front(best)]),
    )


def _heat_map(schedule: str, points: Sequence[Swept], best: Sequence[Swept]) -> str:
    stages, parts = (list(dict.fromkeys(getattr(each, name) for each in points)) for name in ("stages", "microbatches"))
    own = {(each.stages, each.microbatches): each for each in points if each.schedule == schedule}
    times = [each.seconds for each in points]
    rows = [
        f'<tr><th scope="row">{each}</th>'
        + "".join(_cell(own.get((count, each)), times, best) for count in stages)
        + "</tr>"
        for each in parts
    ]
    return _section(schedule, ["m", *map(str, stages)], rows)


def _cell(point: Swept | None, times: Sequence[float], best: Sequence[Swept]) -> str:
    if point is None:
        return "<td>–</td>"
    low, high = math.log(min(times)), math.log(max(times))
    heat = round(_HEATS * (math.log(point.seconds) - low) / (high - low)) if high > low else 0
    kind = f"heat-{heat} front" if any(each is point for each in best) else f"heat-{heat}"
    return f'<td class="{kind}">{_ms(point)}<small>{_memory(point)}</small></td>'


def _front(best: Sequence[Swept]) -> str:
    rows = ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in _columns(each)) + "</tr>" for each in best]
    return _section("Best in time and memory", ["schedule", "stages", "m", "ms", "bubble", "memory"], rows)


def _columns(point: Swept) -> Iterator[object]:
    yield from (point.schedule, point.stages, point.microbatches)
    yield from (_ms(point), f"{point.prediction.bubble:.0%}", _memory(point))


def _section(title: str, names: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<section><h2>{escape(title)}</h2><div class="scroll" tabindex="0">{table}</div></section>'


def _ms(point: Swept) -> str:
    return f"{1e3 * point.seconds:.3g}"


def _memory(point: Swept) -> str:
    return f"{point.memory / 1e6:.3g} MB"
