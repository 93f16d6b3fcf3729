"""Random changes of a run's folder, of which a seed names each."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.strange_files import STRANGE, put

_SMALL = 10**7

_VALUES: Sequence[Any] = [
    None, True, False, -1, 0, 1, 7, 2**31, 2**63, 10**30, -0.0, 1.5, 1e308, float("nan"), float("inf"), "", "0", "nan",
    "x" * 10_000, "\x1b[2J\x07", "\ud800", "\x00", "../../mine.txt", "/dev/zero",
    [], {}, [[]] * 3, {"": None}, [0] * 1000,
]  # fmt: skip
_TEXTS = [
    "",
    '""',
    "-1",
    "0",
    "1.5",
    "nan",
    "inf",
    "true",
    "[]",
    "{}",
    "[[1]]",
    "2020-01-01",
    '"\\u0000"',
    "'x' * 9",
    "\x1b",
]


def mutate(run: Path, random: Random) -> None:
    """Change one to three things in a run's folder."""
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        if files := plain_files(run):
            path = random.choice(files)
            random.choice(_ways(path))(path, random)


def plain_files(folder: Path) -> list[Path]:
    """Return the files in a folder and below it that are no links, and small enough to be read."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in files if path.stat().st_size < _SMALL]


def _ways(path: Path) -> list[Callable[[Path, Random], None]]:
    by_format = {".json": [_structure] * 4, ".jsonl": [_structure] * 4, ".toml": [_line] * 6}
    return [_bits, _slice, _cut, _swap, _strange, _rename, _remove, *by_format.get(path.suffix, [])]


def _bits(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(random.choice([1, 1, 8, 200])):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def _slice(path: Path, random: Random) -> None:
    content = path.read_bytes()
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    middle = random.choice([b"", b"\0" * (last - first), random.randbytes(last - first), content[first:last] * 2])
    path.write_bytes(content[:first] + middle + content[last:])


def _cut(path: Path, random: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.choice([0, 1, 8, len(content) // 2, len(content) - 1])])


def _swap(path: Path, random: Random) -> None:
    other = random.choice([each for each in plain_files(path.parent) if each.parent == path.parent])
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _strange(path: Path, random: Random) -> None:
    put(path, random.choice(list(STRANGE)))


def _rename(path: Path, random: Random) -> None:
    names = ["lock", "log.txt", f".{path.name}.0123456789ab", "step-000000007.safetensors", "weights.safetensors", "x"]
    target = path.with_name(random.choice(names))
    if not target.is_dir():
        os.replace(path, target)


def _remove(path: Path, random: Random) -> None:
    if path.parent.name == "checkpoints" and random.random() < 0.3:
        shutil.rmtree(path.parent)
        put(path.parent, random.choice([what for what in STRANGE if what != "folder"]))
    else:
        path.unlink()


def _structure(path: Path, random: Random) -> None:
    """Change a value somewhere in the structure of a JSON file."""
    lines = (
        path.read_text(errors="replace").splitlines() if path.suffix == ".jsonl" else [path.read_text(errors="replace")]
    )
    index = random.randrange(len(lines) or 1)
    try:
        value = json.loads(lines[index])
    except (ValueError, IndexError):  # an earlier change has damaged it
        return _bits(path, random)
    lines[index] = json.dumps(_changed(value, random))
    path.write_text("\n".join(lines) + "\n")


def _changed(value: Any, random: Random) -> Any:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or random.random() < 0.1:
        return random.choice(_VALUES)
    key, inside = random.choice(keys), value.copy()
    match random.randrange(5):
        case 0:
            del inside[key]
        case 1 if isinstance(inside, dict):
            inside[random.choice(["", "x" * 10_000, "\x1b[2J", "epoch"])] = inside.pop(key)
        case _:
            inside[key] = _changed(inside[key], random)
    return inside


def _line(path: Path, random: Random) -> None:
    """Change a line of a config."""
    lines = path.read_text(errors="replace").splitlines() or [""]
    index = random.randrange(len(lines))
    name, equals, value = lines[index].partition(" = ")
    digits = re.sub(r"\d", lambda found: str(random.randrange(10)), value)
    texts = [f"{name} = {random.choice(_TEXTS)}", f"{name} = {digits}", f"{name}x = {value}", name, ""]
    texts += [
        f'{name} = "{chr(random.randrange(1, 0x500))}"',
        f"{lines[index]}\n{lines[index]}",
        f"{name} = {value}{value}",
    ]
    lines[index] = random.choice(texts if equals else ["", "[x]", "[", lines[index] * 2])
    path.write_text("\n".join(lines) + "\n")
