"""Texts as authors write them, and as faces show them."""

from __future__ import annotations

from textwrap import dedent


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each on one line; a cell of code, which is indented, keeps its lines.

    Args:
        text: with empty lines between paragraphs; broken into lines as is best for its source.
    """
    blocks = dedent(text).strip("\n").split("\n\n")
    return [block if block.startswith("    ") else " ".join(block.split()) for block in blocks]
