"""Observers: they show a run's events. A run needs no observer, and an observer that raises does no harm.

`lines` turns events into text, and `progress` shows it, as plain lines or above a live bar. `timeline` draws a
simulation.
"""

from annex_actors.observe.progress import LiveProgress, PlainProgress, progress

__all__ = ["LiveProgress", "PlainProgress", "progress"]
