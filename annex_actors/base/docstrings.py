"""What docstrings say, for people who do not read code: the first line, and the meaning of each argument."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

_ARGUMENT = re.compile(r"^    (\*{0,2}\w+): ")


def summary_of(documented: object) -> str:
    """Return the first line of a docstring; "" if there is none."""
    return _plain((inspect.getdoc(documented) or "").partition("\n")[0])


def noun_of(documented: object) -> str:
    """Return the first line of a docstring as what the thing is, or what a function returns."""
    summary = summary_of(documented).removeprefix("Return ")
    return summary[:1].upper() + summary[1:]


def page_of(documented: object) -> str:
    """Return a docstring whole, from what the thing is to its source: each paragraph and each argument on one line."""
    _, _, below = _plain(inspect.getdoc(documented) or "").partition("\n")
    lines = [noun_of(documented)]
    for line in below.split("\n"):
        begins = not line or not lines[-1] or lines[-1].endswith(":") or _ARGUMENT.match(line)
        if begins:
            lines.append(line)
        else:
            lines[-1] += f" {line.strip()}"
    return "\n".join(lines)


def arguments_of(documented: object) -> Mapping[str, str]:
    """Return the meaning of each argument that a Google-style docstring describes, as a sentence on one line."""
    _, _, below = (inspect.getdoc(documented) or "").partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", below, maxsplit=1)[0]
    found = re.findall(rf"{_ARGUMENT.pattern}(.*(?:\n {{5,}}.*)*)", section, flags=re.MULTILINE)
    return {name: _sentence(text) for name, text in found}


def first_sentence(text: str) -> str:
    """Return a text up to the end of its first sentence."""
    return re.split(r"(?<=\.) (?=[A-Z])", text, maxsplit=1)[0]


def _sentence(text: str) -> str:
    plain = _plain(" ".join(text.split()))
    return plain[:1].upper() + plain[1:]


def _plain(text: str) -> str:
    return text.replace("``", "`")
