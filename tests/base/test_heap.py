"""What a process asks of the heap of its C library."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
from resource import RUSAGE_SELF, getrusage
from threading import Thread
import numpy as np
from annex_actors.base.heap import keep_what_is_freed

def step():
    arrays = [np.zeros(size, np.uint8) for size in (1 << 19, 1 << 22, 1 << 23, 1 << 22)]
    for array in arrays:
        array += 1

def measure():
    for _ in range(3):
        step()
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    print(getrusage(RUSAGE_SELF).ru_minflt - before)

if {asks}:
    keep_what_is_freed()
thread = Thread(target=measure)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_memory_that_a_step_frees_is_not_fetched_from_the_system_again_by_the_next_one() -> None:
    pages = {asks: int(run(STEPS.format(asks=asks))) for asks in (False, True)}
    assert pages[True] < 100
    assert pages[False] > 1000, "the heap keeps what is freed anyway, so that this test shows nothing"


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
