"""Which layers share an actor: pure functions and values, which neither measure nor draw anything.

Read `work` first (an estimate of each layer's work), then `partition` (groups of neighbouring layers with equal work),
and `profile` (what was measured of each layer).
"""

from annex_actors.placement.partition import partition
from annex_actors.placement.profile import Hop, LayerProfile, Profile, Timing
from annex_actors.placement.work import layer_work, multiplications, network_work

__all__ = ["Hop", "LayerProfile", "Profile", "Timing", "layer_work", "multiplications", "network_work", "partition"]
