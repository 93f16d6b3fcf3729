"""What the documents hold, for tests that see whether it is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

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


def write_loans(folder: Path) -> None:
    """Write the tables of the pages that have no others: ``credit.csv``, and ``new.csv`` without the label."""
    random = np.random.default_rng(0)
    lines = ["customer,age,job,income,since,owner,risk"]
    for index in range(600):
        age, income = random.integers(18, 80), random.lognormal(10, 0.5)
        job = ("clerk", "cook", "driver", "")[random.integers(4)]
        since = np.datetime64("2024-01-01") + random.integers(300)
        owner = ("no", "yes")[random.integers(2)]
        enough = (26_000 if owner == "no" else 17_000) + random.normal(0, 3000)
        risk = "good" if income > enough else "bad"
        lines.append(f"C{index:04},{age},{job},{income:.2f},{since},{owner},{risk}")
    (folder / "credit.csv").write_text("\n".join(lines) + "\n")
    (folder / "new.csv").write_text("".join(f"{line.rpartition(',')[0]}\n" for line in lines[:4]))
