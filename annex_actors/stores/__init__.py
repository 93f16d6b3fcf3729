"""Stores: they keep committed snapshots, which so outlive the actors that made them.

`store` is the protocol, `memory` the store of every runtime. In `shared_log`, with `free_list`, processes leave their
commits in memory that outlives them.
"""

from annex_actors.stores.memory import MemoryStore
from annex_actors.stores.store import StateStore

__all__ = ["MemoryStore", "StateStore"]
