"""The fingerprints of every piece of a run's work, one a line, in a file that grows during the run.

``begin 40 0 1 2-3 4`` is written where the run begins or is resumed: the step, and the layers of each stage. Each other
line is a piece: ``1 forward 41 0 0123456789abcdef fedcba9876543210`` is what stage 1 did, for which step and microbatch
(-1: the whole step), the fingerprint of what it was given, and that of what it sent. The line of a ``state`` has the
number of steps that it contains, and its fingerprint alone.

A piece that was repeated after a crash or a resume has several lines, which are equal if the run was exact. Lines that
a kill has cut short are left out.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from annex_actors.base.files import open_in_place, read_file, reading
from annex_actors.runtimes.handed_over import STATE, Fingerprint, Place

_BEGIN = "begin"
_HEX = 16

Made: TypeAlias = tuple[str, str]
"""The fingerprints of a piece: of what it was given, and of what it made."""


def begin_line(step: int, placement: Iterable[range]) -> str:
    """Return the line of a begin: the step, and the layers of each stage; the cost counts as the last layer."""
    return " ".join([_BEGIN, str(step), *_layers(placement)]) + "\n"


def line(fingerprint: Fingerprint) -> str:
    """Return the line of a piece."""
    (stage, kind, step, microbatch), given, made = fingerprint
    hashes = [each for each in (given, made) if each]
    return " ".join([str(stage), kind.replace(" ", "_"), str(step), str(microbatch), *hashes]) + "\n"


def add(path: Path, lines: str) -> None:
    """Add lines to a file, which is made with the first; after a line that was cut short, on a new one.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    fd = open_in_place(path, os.O_RDWR | os.O_APPEND)
    with open(fd, "r+b", buffering=0) as file:
        size = os.fstat(fd).st_size
        is_cut = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        file.write(("\n" * is_cut + lines).encode())


def read(path: Path, placement: Sequence[range]) -> dict[Place, set[Made]]:
    """Return what was recorded of each piece with this placement of the layers; nothing if there is no file.

    Raises:
        DataError: the file cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    with reading(path):
        lines = read_file(path).decode(errors="replace").splitlines()
    found: defaultdict[Place, set[Made]] = defaultdict(set)
    wanted, is_wanted = _layers(placement), False
    for each in lines:
        words = each.split(" ")
        if words[0] == _BEGIN:
            is_wanted = words[2:] == wanted
        elif is_wanted and (piece := _piece(words)) is not None:
            found[piece.place].add((piece.given, piece.made))
    return dict(found)


def _layers(placement: Iterable[range]) -> list[str]:
    return [f"{each[0]}-{each[-1]}" if len(each) > 1 else str(each[0]) for each in placement]


def _piece(words: Sequence[str]) -> Fingerprint | None:
    """Return the piece of a line; None if the line is cut short."""
    try:
        stage, kind, step, microbatch, *hashes = words
        place = Place(int(stage), kind.replace("_", " "), int(step), int(microbatch))
    except ValueError:
        return None
    if len(hashes) != (1 if kind == STATE else 2) or any(len(each) != _HEX for each in hashes):
        return None
    return Fingerprint(place, "" if kind == STATE else hashes[0], hashes[-1])
