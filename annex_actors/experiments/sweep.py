"""Predict a network's step for every combination of stages, microbatches and schedules, and find the best of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO, StringIO
from itertools import product
from math import isfinite
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief, shown
from annex_actors.base.words import counted
from annex_actors.data import Dataset
from annex_actors.experiments.calibration import calibrated
from annex_actors.experiments.prediction import Prediction, predict
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Profile
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.learner_spec import LearnerSpec, checked_spec
from annex_actors.training.profiles import profile
from annex_actors.training.stages import PER_LAYER

ALL = "*"
"""Every schedule but those for teaching, whose gradients are wrong."""

_AXES = ("stages", "microbatches", "schedule")

_MOST = 10_000
"""Combinations, of which each takes milliseconds."""

_WANTED = "as stages=1..6 microbatches=1,2,4 schedule=*"


@dataclass(frozen=True, slots=True, repr=False)
class Swept:
    """A combination of a sweep, and what it is predicted to come to.

    Args:
        stages: how many, or ``layer``.
        microbatches: of a step.
        schedule: its name.
        prediction: of a step.
    """

    stages: int | str
    microbatches: int
    schedule: str
    prediction: Prediction

    __repr__ = brief

    @property
    def seconds(self) -> float:
        """Of a step."""
        return self.prediction.seconds

    @property
    def memory(self) -> int:
        """Bytes of the stage that keeps most."""
        return max(self.prediction.memory)


def parse_axes(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each axis of a sweep.

    Args:
        texts: of each axis a name and its values, such as ``stages=1..6``, ``microbatches=1,2,4`` or ``schedule=*``.

    Raises:
        ConfigError: another name or another form.
    """
    axes: dict[str, list[Any]] = {}
    for text in checks.elements("axes", texts, str, _WANTED):
        name, equals, values = text.partition("=")
        if name not in _AXES or not equals or not values or name in axes:
            raise ConfigError(f"expected what varies {_WANTED}, each once, got {shown(text)}")
        if name == "schedule":
            known = sorted(row.name for row in DISCIPLINES.values() if row.stashes)
            axes[name] = known if values == ALL else values.split(",")
        else:
            axes[name] = [number for part in values.split(",") for number in _numbers(name, part)]
    return axes


def _numbers(name: str, text: str) -> Sequence[int | str]:
    """Return the numbers in ``3`` or ``1..6``, or the word for a stage for each layer."""
    low, dots, high = text.partition("..")
    if name == "stages" and text == PER_LAYER:
        return [PER_LAYER]
    if not all(each.isdecimal() and each.isascii() and len(each) < 6 for each in ([low, high] if dots else [low])):
        raise ConfigError(f"expected `{name}` as 3, 1..6 or 1,2,4, got {shown(text)}")
    return range(int(low), int(high) + 1) if dots else [int(low)]


def sweep(
    spec: LearnerSpec,
    dataset: Dataset,
    axes: Mapping[str, Sequence[Any]],
    *,
    batch_size: int = 32,
    known: Profile | None = None,
) -> tuple[Swept, ...]:
    """Return the prediction of each combination that is possible, in the order of the axes.

    A combination is left out where the schedule does not take so many stages and microbatches.

    Args:
        spec: the learner's settings; they are those of an axis that is not given.
        dataset: what it trains on.
        axes: see `parse_axes`.
        batch_size: samples in a step.
        known: a profile of the network; None: it is found or measured.

    Raises:
        ConfigError: no combination, more than 10,000 or none that is possible.
    """
    checked_spec(spec)
    checks.instance("dataset", dataset, Dataset, 'a data set, such as load("iris")')
    if known is not None:
        checks.instance("known", known, Profile, "a profile, such as that of `annex-actors profile`")
    size = min(checks.whole_number("batch_size", batch_size, at_least=1), len(dataset.train))
    usual: dict[str, list[Any]] = {
        "stages": [spec.actors if spec.stages != PER_LAYER else PER_LAYER],
        "microbatches": [spec.parts(size)],
        "schedule": [spec.schedule.name],
    }
    stages, parts, schedules = {**usual, **_checked_axes(axes)}.values()
    for each in parts:
        if checks.whole_number("microbatches", each, at_least=1) > size:
            samples = counted(size, "sample")
            raise ConfigError(f"expected `microbatches` to be at most {size} for a batch of {samples}, got {each}")
    if not 0 < len(stages) * len(parts) * len(schedules) <= _MOST:
        raise ConfigError(f"expected at least one combination and at most {_MOST:,}, got others; let others vary")
    if known is None:
        measured = profile(
            spec, dataset, batch_size=size, microbatches=list(dict.fromkeys(parts)), runtimes=[spec.runtime.name]
        )
        known = calibrated(measured, spec, dataset, microbatches=parts[0])
    plans = [(each, _plan(spec, dataset, each)) for each in stages]
    points = []
    for (count, plan), microbatches, schedule in product(plans, parts, schedules):
        try:
            found = predict(
                known.scaled(size // microbatches),
                plan,
                schedule=schedule,
                microbatches=microbatches,
                runtime=spec.runtime,
            )
        except ConfigError:
            if schedule not in DISCIPLINES:
                raise
            continue  # this schedule does not take so many
        points.append(Swept(count, microbatches, schedule, found))
    if not points:
        raise ConfigError("expected a combination that its schedule takes, got none; let more vary")
    return tuple(points)


def _checked_axes(axes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    given = checks.instance("axes", axes, Mapping, 'a dict such as {"stages": [1, 2]}')
    for name in given:
        if name not in _AXES:
            checks.unknown("axes", name, _AXES)
    checked = {
        name: list(checks.several(f"axes[{name}]", each, "a list such as [1, 2]")) for name, each in given.items()
    }
    for each in checked.get("schedule", []):
        checks.text("schedule", each)
    return checked


def _plan(spec: LearnerSpec, dataset: Dataset, stages: int | str) -> Plan:
    own = replace(spec, stages=stages)
    return Plan(tuple(PlannedStage(len(each)) for each in own.placement(own.initial(dataset.input_shape))))


def front(points: Sequence[Swept]) -> tuple[Swept, ...]:
    """Return the Pareto front of time and memory: no other point is better in one of them and no worse in the other.

    The fastest comes first; of equal points there is one.
    """
    best: list[Swept] = []
    for each in sorted(points, key=lambda point: (point.seconds, point.memory)):
        if not best or each.memory < best[-1].memory:
            best.append(each)
    return tuple(best)


def as_csv(points: Sequence[Swept]) -> str:
    """Return all points as CSV; times in seconds, memory in bytes."""
    text, on_front = StringIO(), {id(each) for each in front(points)}
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["stages", "plan", "microbatches", "schedule", "seconds", "bubble", "memory", "pareto"])
    for each in points:
        found = each.prediction
        row = [each.stages, found.plan, each.microbatches, each.schedule, each.seconds, found.bubble, each.memory]
        writer.writerow([*row, int(id(each) in on_front)])
    return text.getvalue()


def drawing() -> tuple[Any, Any]:
    """Return what a heat map is drawn with: matplotlib's context of settings, and its figure.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("expected matplotlib for a heat map, got none; pip install 'annex-actors[plots]'") from error
    return rc_context, Figure


def heat_map(points: Sequence[Swept], picture_format: str) -> bytes:
    """Return a picture: for each schedule a map of the step's time, by stages and microbatches.

    Args:
        points: of a sweep.
        picture_format: ``png``, ``svg`` or ``pdf``.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    rc_context, new_figure = drawing()
    schedules, stages, parts = (
        list(dict.fromkeys(getattr(each, name) for each in points)) for name in ("schedule", "stages", "microbatches")
    )
    times = {(each.schedule, each.stages, each.microbatches): 1e3 * each.seconds for each in points}
    middle = (min(times.values()) + max(times.values())) / 2
    figure = new_figure(
        figsize=(1.5 + 0.8 * len(stages), (0.8 + 0.5 * len(parts)) * len(schedules)), layout="constrained"
    )
    panels = figure.subplots(len(schedules), 1, squeeze=False)[:, 0]
    for panel, schedule in zip(panels, schedules, strict=True):
        grid = [[times.get((schedule, count, each), float("nan")) for count in stages] for each in parts]
        panel.imshow(grid, vmin=min(times.values()), vmax=max(times.values()), cmap="viridis_r", aspect="auto")
        panel.set_title(schedule)
        panel.set_xticks(range(len(stages)), [str(each) for each in stages])
        panel.set_yticks(range(len(parts)), [str(each) for each in parts])
        panel.set_ylabel("microbatches")
        for row, line in enumerate(grid):
            for column, value in enumerate(line):
                if isfinite(value):
                    color = "white" if value > middle else "black"
                    panel.text(column, row, f"{value:.3g}", ha="center", va="center", color=color, fontsize=8)
    panels[-1].set_xlabel("stages; ms a step")
    content = BytesIO()
    metadata: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "annex-actors"}):
        figure.savefig(content, format=picture_format, dpi=120, metadata=metadata.get(picture_format, {}))
    return content.getvalue()
