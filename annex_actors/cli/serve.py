"""``annex-actors serve``: answer requests for predictions on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_note, print_result


def serve(
    run_dir: shared.RunDir,
    port: Annotated[int, typer.Option(help="Port of the loopback, 127.0.0.1; 0: any that is free.")] = 8000,
    most_waiting: Annotated[
        int, typer.Option(help="How many requests may wait; one more gets the status 503.", min=1)
    ] = 64,
    runtime: Annotated[
        str | None, typer.Option(help="Where the layers live: schedulers, threads or processes; as in training.")
    ] = None,
    load: shared.LoadInstead = None,
    debug: shared.Debug = False,
) -> None:
    """Serve predictions over HTTP by supervised actors, until Ctrl-C: POST /predict, GET /health (extra `serve`).

    A request is JSON such as {"inputs": [[-0.83, 1.22, -1.36, -1.32]]}, scaled as in training; of a network that was
    trained on a table also {"rows": [{"age": 41, "job": "cook"}]}, raw as in the table. Its answer has the bits of
    `predict`, whatever else is asked at the time, and also where layers are killed meanwhile.
    """
    from annex_actors import service
    from annex_actors.runs.saved_run import SavedRun

    saved = SavedRun.open(run_dir)
    learner = saved.learner(load or [], print_note, runtime=runtime)

    def ready(address: str) -> None:
        print_result(f"serving {run_dir} at {address}/predict; Ctrl-C ends it")

    try:
        service.serve(learner, port=port, most_waiting=most_waiting, on_ready=ready)
    except KeyboardInterrupt:
        print_note("stopped")  # how a server ends is no failure
