"""The Python files that a network's text names, before it is parsed: ``torch_module:FILE.py:NAME``."""

from __future__ import annotations

from pathlib import Path

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import user_path
from annex_actors.layers.native.torch_module import NAME


def files_in(text: str) -> list[str]:
    """Return the files that a network's text names, each once, in order; nothing is opened.

    Raises:
        ConfigError: two files of the same name in different folders, which a layer's text could not tell apart.
    """
    files = list(dict.fromkeys(words[1] for words in map(_words, text.split()) if words))
    for index, file in enumerate(files):
        other = next((each for each in files[:index] if Path(each).name == Path(file).name), file)
        if user_path(other).resolve() != user_path(file).resolve():
            raise ConfigError(f"expected layers to name files of different names, got {other} and {file}; rename one")
    return files


def _words(word: str) -> list[str]:
    """Return the parts of a word of the text if it is such a layer, else none."""
    parts = word.split(":")
    return parts if parts[0] == NAME and len(parts) > 2 else []
