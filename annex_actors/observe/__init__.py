"""Observers: they see a run's events and show them. What they raise harms nothing; what they miss, nobody needs.

`lines` turns events into text; `progress` shows it, as plain lines or above a live bar. `timeline` draws a simulation.
"""

from annex_actors.observe.progress import LiveProgress, PlainProgress, progress

__all__ = ["LiveProgress", "PlainProgress", "progress"]
