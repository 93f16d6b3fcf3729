"""Which layers share an actor: pure functions of shapes, which neither measure nor draw anything.

Read `work` first (an estimate of each layer's work), then `partition` (groups of neighbouring layers with equal work)
and `plan` (the groups and what each has, as a value that a text or a file gives).
"""

from annex_actors.placement.partition import partition
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.work import layer_work, multiplications, network_work

__all__ = ["Plan", "PlannedStage", "layer_work", "multiplications", "network_work", "partition"]
