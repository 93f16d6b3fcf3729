"""The page of a small run that is made here and now, for a frame in the notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from annex_actors.runtimes import RunFailedError

_TRAIN = "train xor --epochs 20 --progress-every 20 --trace all --crash layer=1,step=7,microbatch=0,at=backward"


def page_of_a_run() -> str:
    """Return the saved page of a training on XOR in which layer 1 dies once, as one file of HTML.

    Raises:
        RunFailedError: the commands that make it fail, with what they said.
    """
    with TemporaryDirectory() as folder:
        _command(folder, *_TRAIN.split(), "--run-dir", "run")
        _command(folder, "report", "run", "--out", "page.html")
        return Path(folder, "page.html").read_text()


def _command(folder: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "annex_actors", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunFailedError(f"the page could not be made: {done.stderr.strip()}")
