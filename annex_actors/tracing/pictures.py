"""What the pictures of a trace share: matplotlib, colours that all can tell apart, and the bytes of the file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.texts import printable, shortened
from annex_actors.protocol.messages import Address
from annex_actors.tracing.recording import Recording

COLORS = {
    "F": "#56b4e9",
    "B": "#e69f00",
    "W": "#009e73",
    "P": "#cc79a7",
    "C": "#999999",
    "S": "#d55e00",
    "·": "#bbbbbb",
}
"""The colour of each letter; the colour-blind can tell them apart.

Source: M. Okabe and K. Ito, "Color Universal Design", 2008.
"""

FORMATS = ("svg", "png", "pdf")

_DOTS_PER_INCH = 120
_LONGEST_LABEL = 40


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure of so many inches and its axes.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("expected matplotlib for a picture, got none; pip install 'annex-actors[plots]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def saved(figure: Any, picture_format: str) -> bytes:
    """Return a figure as the bytes of a file; the same figure gives the same bytes."""
    from matplotlib import rc_context

    content = BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(picture_format, {})
    with rc_context({"svg.hashsalt": "annex-actors"}):
        figure.savefig(content, format=picture_format, dpi=_DOTS_PER_INCH, metadata=metadata)
    return content.getvalue()


def label_of(trace: Recording, peer: Address) -> str:
    """Return what a peer is, short enough to stand beside a picture."""
    return plain(shortened(trace.labels.get(peer, str(peer)), _LONGEST_LABEL))


def plain(text: str) -> str:
    """Return text that is not taken for mathematics."""
    return printable(text).replace("$", r"\$")
