"""Which layers share an actor: pure functions and values, which neither measure nor draw anything.

Read `work` first (an estimate of each layer's work), then `partition` (groups of neighbouring layers with equal work),
`plan` (the groups and what each has, as a value that a text or a file gives), `memory` (how much each then needs) and
`profile` (what was measured of each layer).
"""

from annex_actors.placement.partition import partition
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Hop, LayerProfile, Profile, Timing
from annex_actors.placement.work import layer_work, multiplications, network_work

__all__ = [
    "Hop",
    "LayerProfile",
    "Plan",
    "PlannedStage",
    "Profile",
    "Timing",
    "layer_work",
    "multiplications",
    "network_work",
    "partition",
]
