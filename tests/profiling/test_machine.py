from __future__ import annotations

from annex_actors.profiling import machine
from annex_actors.profiling.machine import cores


def test_a_machine_is_named_by_what_decides_its_times() -> None:
    found = machine()
    assert {"processor", "cores", "system", "python", "numpy", "blas", "kernels"} <= found.keys()
    assert all(each and "\n" not in each for each in found.values())
    assert found["cores"].split()[0] == str(cores())
    assert machine() == found
