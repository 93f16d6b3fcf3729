"""A trace, and each form in which it is shown."""

from __future__ import annotations

from annex_actors.base import checks
from annex_actors.tracing.gantt import DEFAULT_STEPS, gantt_of
from annex_actors.tracing.perfetto import perfetto_of
from annex_actors.tracing.pictures import FORMATS
from annex_actors.tracing.recording import Recording
from annex_actors.tracing.sequence import sequence_of
from annex_actors.tracing.table import Figures, figures_of


class Trace(Recording):
    """What the peers of one job received, did and sent, and why they waited.

    `work`, `flows` and `idle` have every piece of work, message and wait; the methods show them.

    Args:
        header: what it is of.
        records: as the peers wrote them.

    Raises:
        DataError: there is no record.
    """

    def figures(self) -> Figures:
        """Return how long each peer was busy, and idle by reason; the bubble, the ideal one, hops and bytes."""
        return figures_of(self)

    def gantt(self, picture_format: str = "svg", *, step: int | None = None, steps: int = DEFAULT_STEPS) -> bytes:
        """Return a chart of some steps as a picture, with the ideal schedule above the real one.

        Args:
            picture_format: ``svg``, ``png`` or ``pdf``.
            step: the first step; None: one in the middle of the trace.
            steps: how many, >= 1.

        Raises:
            ConfigError: an argument is out of range, or matplotlib is not installed.
            DataError: the step was not traced, or there are too many pieces of work.
        """
        picture_format = checks.text("picture_format", picture_format)
        if picture_format not in FORMATS:
            checks.unknown("picture_format", picture_format, FORMATS)
        steps = checks.whole_number("steps", steps, at_least=1)
        return gantt_of(self, picture_format, step=_step(step), steps=steps)

    def sequence(self, step: int | None = None) -> str:
        """Return the messages of a step as a diagram in text, a line for each one.

        Args:
            step: from 0; None: all steps, of a short trace.

        Raises:
            ConfigError: ``step`` is no whole number.
            DataError: the step was not traced, or there are too many messages.
        """
        return sequence_of(self, _step(step))

    def perfetto(self) -> str:
        """Return the trace as JSON that https://ui.perfetto.dev shows."""
        return perfetto_of(self)


def _step(step: int | None) -> int | None:
    return None if step is None else checks.whole_number("step", step, at_least=0)
