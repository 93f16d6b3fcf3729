"""Which layers share an actor: pure functions of shapes, with neither clock nor chance.

A reading order: `work` (an estimate of what a layer has to do), `partition` (neighbours put together, fairly).
"""

from annex_actors.placement.partition import partition
from annex_actors.placement.work import layer_work, network_work

__all__ = ["layer_work", "network_work", "partition"]
