"""How long `annex-actors serve` takes for an answer, with one client and with several at a time.

A digit is asked for in each request, over connections that are kept open. Every answer is compared to the last bit with
that of `Learner.predict`. Medians and 99th percentiles, in milliseconds.

    python -m examples.benchmarks.serving [requests]     # 2,000 for each line by default
    python -m examples.benchmarks.serving --smoke
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from annex_actors import Learner, load
from annex_actors.base.types import Floats
from annex_actors.cli import main as command_line
from annex_actors.runs.saved_run import SavedRun
from examples.benchmarks.measuring import arguments, print_peak_memory

RUNTIMES = ("schedulers", "threads", "processes")
CLIENTS = (1, 8)


@contextmanager
def served(run: Path, runtime: str) -> Iterator[int]:
    """Serve a run in a process of its own; yield the port."""
    command = [sys.executable, "-m", "annex_actors", "serve", str(run), "--port", "0", "--runtime", runtime]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/predict", process.stdout.readline())
            if found is None:
                raise SystemExit("the server did not start")
            yield int(found[1])
        finally:
            process.terminate()


def asked(port: int, questions: list[Floats], expected: list[bytes]) -> list[float]:
    """Ask one question after another; return the milliseconds that each took."""
    connection, taken = HTTPConnection("127.0.0.1", port), []
    for question, right in zip(questions, expected, strict=True):
        body, began = json.dumps({"inputs": question.tolist()}), time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        taken.append(1e3 * (time.perf_counter() - began))
        if np.array(answer["outputs"], np.float32).tobytes() != right:
            raise SystemExit("the server predicts other bits than Learner.predict")
    connection.close()
    return taken


def measure(port: int, clients: int, questions: list[Floats], expected: list[bytes]) -> str:
    """Share the questions among so many clients; return a line of figures."""
    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        parts = pool.map(lambda part: asked(port, questions[part::clients], expected[part::clients]), range(clients))
        taken = [each for part in parts for each in part]
        seconds = time.perf_counter() - began
    middle, slow = np.percentile(taken, [50, 99])
    return f"{clients:>7}  {middle:8.2f} {slow:8.2f}  {len(taken) / seconds:10,.0f}"


def main(requests: int) -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "digits")
        if command_line(["train", "digits", "--epochs", "2", "--quiet", "--run-dir", str(run)]):
            raise SystemExit("the network was not trained")
        learner: Learner = SavedRun.open(run).learner()
        inputs = load("digits").test.inputs
        questions = [inputs[index % len(inputs)][np.newaxis] for index in range(requests)]
        expected = [learner.predict(question).tobytes() for question in questions]
        print(f"{requests:,} requests of one digit; {learner!r}")
        print(f"{'runtime':<12}{'clients':>7}  {'p50 ms':>8} {'p99 ms':>8}  {'requests/s':>10}")
        for runtime in RUNTIMES:
            with served(run, runtime) as port:
                measure(port, 1, questions[:20], expected[:20])  # warm up
                for clients in CLIENTS:
                    print(f"{runtime:<12}{measure(port, clients, questions, expected)}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(20 if smoke else numbers[0] if numbers else 2000)
