"""What the documents hold, for tests that see whether it is true."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

PROMPT = "$ annex-actors "


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of this language on a page, without their fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands(page: Path) -> dict[str, list[str]]:
    """Return what follows ``$ annex-actors`` on a page, each with the lines that are shown as printed by it."""
    found: dict[str, list[str]] = {}
    for block in blocks(page, "console"):
        for part in block.split(PROMPT)[1:]:
            command, *printed = part.rstrip("\n").split("\n")
            found[command.partition("  #")[0].rstrip()] = printed
    return found


def shape(lines: list[str]) -> list[str]:
    """Return lines without their numbers and hashes, which depend on the machine."""
    return [re.sub(r"[0-9a-f]{64}|[\d,.]+(e-\d+)?", "#", line) for line in lines]
