"""Learning curves of runs as a picture: cost and metrics by epoch, a colour for each run."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import printable
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.saved_run import SavedRun

FORMATS = ("png", "svg", "pdf")
"""The forms of a picture, by the ending of its name."""

_PANEL_INCHES = (6.4, 3.6)
_DOTS_PER_INCH = 120


def format_of(path: Path) -> str:
    """Return the form of a picture from the ending of its name.

    Raises:
        ConfigError: no ending of `FORMATS`.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigError(f"expected a picture that ends in .{', .'.join(FORMATS)}, got {shown(str(path))}; rename it")
    return ending


def drawn(runs: Sequence[SavedRun], picture_format: str) -> bytes:
    """Return a picture of the curves: training costs as lines, what was evaluated dashed, and below them each metric.

    The same runs give the same bytes with the same version of matplotlib.

    Args:
        runs: at least one, each with a finished epoch.
        picture_format: one of `FORMATS`.

    Raises:
        DataError: a run has not finished an epoch, or its metrics are damaged.
        ConfigError: matplotlib is not installed.
    """
    epochs = [run.epochs for run in runs]
    for run, each in zip(runs, epochs, strict=True):
        if not each:
            raise DataError(f"expected a run with a finished epoch, got none in {run.path}; wait, or `resume` it")
    metrics = list(dict.fromkeys(name for each in epochs for record in each for name in record.metrics))
    figure, settings = _figure(1 + len(metrics))
    costs, *others = figure.axes
    for index, (run, each) in enumerate(zip(runs, epochs, strict=True)):
        color, name = f"C{index}", _label(run)
        evaluated = [_evaluated(record) for record in each]
        _line(costs, each, [record.train_cost for record in each], color=color, label=name)
        _line(costs, each, evaluated, color=color, linestyle="--")
        for axes, metric in zip(others, metrics, strict=True):
            _line(axes, each, [record.metrics.get(metric) for record in each], color=color, linestyle="--")
    for axes, title in zip(figure.axes, ["cost (dashed: evaluated)", *metrics], strict=True):
        axes.set_ylabel(_plain(title))
        axes.grid(alpha=0.3)
    figure.axes[-1].set_xlabel("epoch")
    figure.legend(loc="outside upper center", ncols=2)
    content = BytesIO()
    with settings:
        figure.savefig(content, format=picture_format, dpi=_DOTS_PER_INCH, metadata=_metadata(picture_format))
    return content.getvalue()


def _figure(panels: int) -> tuple[Any, Any]:
    """Return a figure of so many panels with a common axis, and the settings with which its bytes can be repeated."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("expected matplotlib for curves, got none; pip install 'annex-actors[plots]'") from error
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width, height * panels), layout="constrained")
    figure.subplots(panels, sharex=True, squeeze=False)
    return figure, rc_context({"svg.hashsalt": "annex-actors"})


def _evaluated(record: EpochRecord) -> float | None:
    return record.test_cost if record.validation_cost is None else record.validation_cost


def _line(axes: Any, epochs: Sequence[EpochRecord], values: Sequence[float | None], **style: Any) -> None:
    points = [(record.epoch, value) for record, value in zip(epochs, values, strict=True) if value is not None]
    if points:
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 2 else None, **style)


def _label(run: SavedRun) -> str:
    path = str(run.path)
    return _plain(f"./{path}" if path.startswith("_") else path)  # a legend leaves out what begins with a line


def _plain(text: str) -> str:
    """Return text that is not taken for mathematics."""
    return printable(text).replace("$", r"\$")


def _metadata(picture_format: str) -> dict[str, None]:
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(picture_format, {})
