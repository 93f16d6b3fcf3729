"""The errors that users see, each a one-line message: what was expected, what was given, what to do."""

from __future__ import annotations

LONGEST = 1000
"""Characters of another error's message that an error repeats."""


class AnnexError(Exception):
    """The base class of this package's errors."""


class UserError(AnnexError, ValueError):
    """A mistake in the user's input; exit code 2 on the command line. Almost all are found before any actor starts."""


class ConfigError(UserError):
    """A setting with a wrong name, type or range."""


class ShapeError(UserError):
    """Two shapes that do not fit each other; the message names both sides and both shapes."""


class DataError(UserError):
    """Data that cannot be read, or that cannot be trained on."""


class DivergedError(UserError):
    """A cost that is not a finite number: the network, its data or its learning rate is wrong; no restart can help.

    Its ``step`` is the first one with such a cost; None: not known.
    """

    step: int | None = None


def message_of(error: BaseException) -> str:
    """Return an error's message on one line, without its type; the type's name if the message is empty.

    It is cut where it is longer than `LONGEST`: what others raise may quote a whole file.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class LostCommitError(AnnexError):
    """A commit that its peer had made known is gone, with all places that kept it; no restart can help.

    Args:
        peer: whose commit.
        step: how many steps are committed in what is left.
        known: how many steps it had committed.
    """

    def __init__(self, peer: str, step: int, known: int) -> None:
        super().__init__(peer, step, known)
        self.peer, self.step, self.known = peer, step, known

    def __str__(self) -> str:
        return (
            f"{self.peer} had committed step {self.known}, and is restarted at step {self.step}: all copies of its "
            "commits are lost, and its neighbours no longer have the messages between; resume from the last checkpoint"
        )


class RemoteError(AnnexError):
    """An exception of another process that cannot be made here, since its class is not known or what it holds is not.

    Args:
        message: the type and the message of that exception. Its traceback is a note.
        where: the line of the user's code that raised it.
    """

    def __init__(self, message: str, where: str | None = None) -> None:
        super().__init__(message, where)
        self.where = where

    def __str__(self) -> str:
        return str(self.args[0])


def named(error: BaseException) -> str:
    """Return an error's type and message; of a group those of its first member, too."""
    if isinstance(error, RemoteError):
        return str(error)
    text, first = f"{type(error).__name__}: {error}", error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return text if first is error else f"{text}, the first {named(first)}"


class LayerError(AnnexError):
    """A failure inside a layer; the original error is its cause.

    Args:
        place: the message: which layer failed, in which work.
        address: the stage's address.
        layer: the layer's index in the whole network.
        step: the optimizer step, from 0.
        microbatch: index within the step.
        work: what the layer was doing, such as forward.
    """

    def __init__(self, place: str, *, address: str, layer: int, step: int, microbatch: int, work: str) -> None:
        super().__init__(place)
        self.address = address
        self.layer = layer
        self.step = step
        self.microbatch = microbatch
        self.work = work

    @property
    def summary(self) -> str:
        """One line: where the layer failed, and the original error."""
        cause = self.__cause__
        return f"{self}: {named(cause)}" if cause else str(self)
