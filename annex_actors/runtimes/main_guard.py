"""A guard, for all runtimes: no training may begin in the process of a layer while that imports the program."""

from __future__ import annotations

import os

from annex_actors.base.errors import ConfigError

IMPORTING = "ANNEX_ACTORS_WORKER"
"""Set in the environment of a layer's process while it imports the program, as every such process must."""


def check_main_guard() -> None:
    """Refuse a training that begins because the process of a layer imports the program.

    Raises:
        ConfigError: the program starts its training outside of ``if __name__ == "__main__":``.
    """
    if os.environ.get(IMPORTING):
        raise ConfigError(
            "expected a program that starts its training under `if __name__ == '__main__':`, since every process "
            "of a layer imports it; put it there"
        )
