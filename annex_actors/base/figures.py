"""Figures as people read them: costs and metrics as text."""

from __future__ import annotations

from collections.abc import Mapping


def metric_parts(metrics: Mapping[str, float | None]) -> list[str]:
    """Return metrics as text, such as ``["accuracy 0.9583"]``."""
    return [f"{name} {number(value)}" for name, value in metrics.items()]


def number(value: float | None) -> str:
    """Return a number with four decimals, a large amount with none; ``-`` for None.

    It is in scientific notation if it is very small or so large that digits say nothing.
    """
    if value is None:
        return "-"
    if 1e4 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"
