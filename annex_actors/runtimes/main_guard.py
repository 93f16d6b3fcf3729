"""No training begins in a process of a layer while it imports the program, whatever the runtime."""

from __future__ import annotations

import os

from annex_actors.base.errors import ConfigError

IMPORTING = "ANNEX_ACTORS_WORKER"
"""Set in the environment of a layer's process while it imports the program, as every such process must."""


def check_main_guard() -> None:
    """Raise where a training begins because a layer's process imports the program.

    Raises:
        ConfigError: the program starts its training outside of ``if __name__ == "__main__":``.
    """
    if os.environ.get(IMPORTING):
        raise ConfigError(
            "expected a program that starts its training under `if __name__ == '__main__':`, since every process "
            "of a layer imports it; put it there"
        )
