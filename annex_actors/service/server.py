"""The server: it keeps the application up on the loopback until it is told to stop, or nothing can be answered."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from annex_actors.base.errors import ConfigError
from annex_actors.runs.predictions import Meaning
from annex_actors.runtimes import RunFailedError
from annex_actors.service.application import Application
from annex_actors.training.learner import Learner

LOOPBACK = "127.0.0.1"


def serve(learner: Learner, *, port: int, most_waiting: int, on_ready: Callable[[str], None]) -> None:
    """Answer requests with a trained network until SIGINT or SIGTERM; those that are under way are answered first.

    Args:
        learner: has trained weights; its runtime's actors answer, and are restarted when they die.
        port: of the loopback; 0: any that is free.
        most_waiting: how many requests may be under way, >= 1.
        on_ready: called with the address, such as ``http://127.0.0.1:8000``, once requests can be sent.

    Raises:
        ConfigError: the port cannot be had, or Starlette or uvicorn is not installed.
        RunFailedError: a layer failed again and again.
        DataError: there are no trained weights.
    """
    try:
        from uvicorn import Config, Server
    except ImportError as error:
        raise ConfigError("expected uvicorn to serve with, got none; pip install 'annex-actors[serve]'") from error
    failures: list[RunFailedError] = []

    def fail(error: RunFailedError) -> None:
        failures.append(error)
        server.should_exit = True

    with _listening(port) as listening, learner.serving() as predict:
        application = Application(predict, Meaning.of(learner), most_waiting=most_waiting, on_failure=fail)
        server = Server(Config(application.asgi(), log_level="error", access_log=False, lifespan="off"))
        on_ready(f"http://{LOOPBACK}:{listening.getsockname()[1]}")
        server.run(sockets=[listening])
    if failures:
        raise failures[0]


def _listening(port: int) -> socket.socket:
    # The protocol is given, or asyncio would not switch Nagle's algorithm off, and each answer would take 40 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "no port"
        raise ConfigError(f"expected a port of this machine that is free, got {port}: {why}; choose another") from error
    return listening
