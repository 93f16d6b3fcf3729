"""Every error that users meet, each a one-line message: what was expected, what came, what to do."""

from __future__ import annotations


class AnnexError(Exception):
    """The base of every error of this package."""


class UserError(AnnexError, ValueError):
    """A mistake in what the user gave: found before any actor starts, exit code 2 on the command line."""


class ConfigError(UserError):
    """A setting of the wrong name, type or range."""


class ShapeError(UserError):
    """Two shapes that do not fit; the message names both sides and both shapes."""


class DataError(UserError):
    """Data that cannot be read, or that no network should be trained on."""


class DivergedError(UserError):
    """A cost that is no number: the network, its data or its learning rate is at fault, and no restart can help."""


def message_of(error: BaseException) -> str:
    """Return an error's message on one line, without its type; the name of that where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


class LayerError(AnnexError):
    """A failure inside a layer, with its place in the network and in the stream; the cause is chained."""

    def __init__(self, place: str, *, address: str, layer: int, step: int, microbatch: int, work: str) -> None:
        super().__init__(place)
        self.address = address
        self.layer = layer
        self.step = step
        self.microbatch = microbatch
        self.work = work

    @property
    def summary(self) -> str:
        """One line: where it failed, and the original error."""
        cause = self.__cause__
        return f"{self}: {type(cause).__name__}: {cause}" if cause else str(self)
