"""Measure what a network's layers and a machine's runtimes cost: the numbers of a `annex_actors.placement.Profile`.

The layers are measured while they train, in their real stage, by an instrument that reads a clock. So no work is done
here that a run does not do, and what a layer finds in the caches is what the layers before it left there, as in a run
with one stage on one core: no cache is emptied or filled for it. On cores of their own, layers may find more.

Read `layer_clock` first, then `layer_times` (how often it is repeated), `layer_bytes`, `hops` and `machine`.
"""

from annex_actors.profiling.hops import measure_hop, shares_interpreter
from annex_actors.profiling.layer_bytes import LayerBytes, layer_bytes
from annex_actors.profiling.layer_times import LayerSeconds, Measured, Workload, measure_layers, timing
from annex_actors.profiling.machine import machine

__all__ = [
    "LayerBytes",
    "LayerSeconds",
    "Measured",
    "Workload",
    "layer_bytes",
    "machine",
    "measure_hop",
    "measure_layers",
    "shares_interpreter",
    "timing",
]
