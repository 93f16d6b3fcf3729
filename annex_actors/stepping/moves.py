"""The moves of a walk, and each as a line of text, as walks are saved and written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.protocol.messages import WHOLE_STEP, Address, Backward, Forward, Message, Predict, WeightGradient

_LETTERS: Mapping[type[Message], str] = {Forward: "F", Backward: "B", WeightGradient: "W", Predict: "P"}
_PIECE = re.compile(r"([FBWP])([0-9]{1,9})(?:\.([0-9]{1,9}))?")
_NUMBER = re.compile(r"[0-9]{1,9}")


class Piece(NamedTuple):
    """A piece of work of a stage; as text ``B3.1``: B of step 3, microbatch 1, and ``W3`` of a whole step."""

    letter: str
    step: int
    microbatch: int

    @classmethod
    def of(cls, message: Message) -> Piece | None:
        """Return the work that a message asks for; None where it is no work."""
        letter = _LETTERS.get(type(message))
        return None if letter is None else cls(letter, message.step, message.microbatch)

    @classmethod
    def parse(cls, text: str) -> Piece:
        """Return the piece of a text.

        Raises:
            ConfigError: it is none.
        """
        found = _PIECE.fullmatch(text)
        if found is None:
            raise ConfigError(f"expected a piece of work such as F0.1, B3.0 or W3, got {shown(text)}; correct it")
        letter, step, microbatch = found.groups()
        return cls(letter, int(step), WHOLE_STEP if microbatch is None else int(microbatch))

    def __str__(self) -> str:
        return f"{self.letter}{self.step}" + ("" if self.microbatch == WHOLE_STEP else f".{self.microbatch}")


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver the oldest message from one peer to another: ``deliver trainer stage-0``."""

    sender: Address
    to: Address

    def __str__(self) -> str:
        return f"deliver {self.sender} {self.to}"


@dataclass(frozen=True, slots=True)
class Work:
    """Let a peer do a piece of work: ``work stage-1``, ``work stage-1 take F0.1``, ``work stage-1 dies 2``.

    Args:
        peer: the peer.
        take: a piece of a stage instead of the one that its schedule takes; None: that one.
        dies_after: so many effects of the piece are carried out, and then the peer is killed; None: it is not.
    """

    peer: Address
    take: Piece | None = None
    dies_after: int | None = None

    def __str__(self) -> str:
        take = "" if self.take is None else f" take {self.take}"
        return f"work {self.peer}{take}" + ("" if self.dies_after is None else f" dies {self.dies_after}")


@dataclass(frozen=True, slots=True)
class Crash:
    """Kill a peer between two pieces of work: ``crash stage-1``."""

    peer: Address

    def __str__(self) -> str:
        return f"crash {self.peer}"


Move: TypeAlias = Deliver | Work | Crash
"""A move of a walk."""


def parse_move(text: str, peers: Mapping[str, Address]) -> Move:
    """Return the move of a line of text.

    Args:
        text: the line.
        peers: the addresses of the run, by their text.

    Raises:
        ConfigError: no move, or of a peer that the run does not have.
    """
    match text.split():
        case ["deliver", sender, to]:
            return Deliver(peer_of(sender, peers), peer_of(to, peers))
        case ["crash", peer]:
            return Crash(peer_of(peer, peers))
        case ["work", peer, *rest] if len(rest) % 2 == 0 and set(rest[::2]) <= {"take", "dies"}:
            options = dict(zip(rest[::2], rest[1::2], strict=True))
            take, dies = options.get("take"), options.get("dies")
            return Work(
                peer_of(peer, peers),
                None if take is None else Piece.parse(take),
                None if dies is None else number(dies, "of effects before the death"),
            )
    wanted = "a move such as `deliver trainer stage-0`, `work stage-1` or `crash stage-1`"
    raise ConfigError(f"expected {wanted}, got {shown(text)}; correct it")


def number(text: str, what: str) -> int:
    """Return a whole number >= 0.

    Raises:
        ConfigError: the text is none; the message says what it is of.
    """
    if not _NUMBER.fullmatch(text):
        raise ConfigError(f"expected the number {what} to be a whole number, got {shown(text)}; correct it")
    return int(text)


def peer_of(text: str, peers: Mapping[str, Address]) -> Address:
    """Return the address that a text names.

    Raises:
        ConfigError: no peer of the run has it.
    """
    if text not in peers:
        raise ConfigError(f"expected a peer to be among {', '.join(peers)}, got {shown(text)}; correct it")
    return peers[text]
