"""Moves as a user writes them, in a line: ``f3 crash:1 kind:backward b2 end``. Every face obeys the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.stepping.moves import Piece, Work, number
from annex_actors.stepping.walk import Walk, Wanted

WORDS: Mapping[str, str] = {
    "f, f5": "forward by one move, or by five",
    "b, b5": "back by one move, or by five",
    "layer:1": "forward until layer 1 has handled a message; `-layer:1` back to where it last had",
    "step:3": "until a message of step 3 is handled; `-step:3` likewise",
    "kind:backward": "until a message of this kind is handled, such as weight-gradient; `layer:1,kind:backward`",
    "crash:1": "kill the actor of layer 1 now, or `crash:trainer`; `crash:1:2`: in its next work, after two effects",
    "take:1:F0.1": "let layer 1 do F of step 0, microbatch 1, instead of what its schedule takes",
    "choose:3": "make the third of the moves that are possible now; the first is what `f` does",
    "random:20": "make 20 moves by chance, by the seed of the walk",
    "schedule:gpipe": "begin again by another schedule",
    "begin, end": "go to the beginning; forward until the run is over",
}
"""The words, and what each does."""


def obey(walk: Walk, text: str) -> Walk:
    """Do what a line of words says, and return the walk: the same one, or a new one by another schedule.

    Raises:
        ConfigError: a word that is none, or a move that is not possible; those before it are made.
    """
    for word in text.split():
        walk = _obey(walk, word)
    return walk


def _obey(walk: Walk, word: str) -> Walk:
    name, _, value = word.partition(":")
    if not value and name[:1] in ("f", "b") and (count := name[1:] or "1").isdecimal():
        (walk.forward if name[0] == "f" else walk.back)(number(count, "of moves"))
    elif name == "schedule" and value:
        return walk.with_schedule(value)
    elif name.removeprefix("-") in _WANTED and value:
        (walk.find_back if name.startswith("-") else walk.find)(_wanted(word.removeprefix("-")))
    elif name in _PLAIN and not value:
        _PLAIN[name](walk)
    elif name in _ACTIONS and value:
        _ACTIONS[name](walk, value)
    else:
        raise ConfigError(f"expected a word such as {'; '.join(WORDS)}, got {shown(word)}; correct it")
    return walk


def _crash(walk: Walk, value: str) -> None:
    peer, _, after = value.partition(":")
    walk.crash(_peer(peer), number(after, "of effects before the death") if after else None)


def _take(walk: Walk, value: str) -> None:
    peer, _, piece = value.partition(":")
    walk.make(Work(walk.address_of(_peer(peer)), Piece.parse(piece)))


def _peer(text: str) -> int | str:
    """Return the number of a layer, or the text of an address."""
    return number(text, "of the layer") if text.isdecimal() else text


def _choose(walk: Walk, value: str) -> None:
    choices, chosen = walk.choices(), number(value, "of the choice")
    if not 1 <= chosen <= len(choices):
        raise ConfigError(f"expected a choice from 1 to {len(choices)}, got {chosen}; see what is possible here")
    walk.make(choices[chosen - 1].move)


def _wanted(text: str) -> Wanted:
    """Return what ``layer:1,kind:backward`` looks for."""
    wanted = Wanted()
    for part in text.split(","):
        name, _, value = part.partition(":")
        if name not in _WANTED or not value:
            raise ConfigError(f"expected what to look for to be such as layer:1,kind:backward, got {shown(part)}")
        wanted = replace(wanted, **{name: _WANTED[name](value)})
    return wanted


_WANTED: Mapping[str, Callable[[str], Any]] = {
    "layer": lambda value: number(value, "of the layer"),
    "step": lambda value: number(value, "of the step"),
    "kind": lambda value: value.replace("-", " "),
}

_PLAIN: Mapping[str, Callable[[Walk], None]] = {"begin": lambda walk: walk.to(0), "end": Walk.to_end}

_ACTIONS: Mapping[str, Callable[[Walk, str], None]] = {
    "crash": _crash,
    "take": _take,
    "choose": _choose,
    "random": lambda walk, value: walk.at_random(number(value, "of moves")),
}
