"""Counts in sentences: one step, two steps."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, such as ``1 step``, ``0 steps`` or ``1,200 batches``.

    Args:
        count: how many, >= 0.
        noun: the name of one.
        plural: the name of several, where it is not the noun with ``s`` or ``es``.
    """
    takes_es = noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("epoch")
    several = plural or noun + ("es" if takes_es else "s")
    return f"{count:,} {noun if count == 1 else several}"
