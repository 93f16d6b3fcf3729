"""Where committed snapshots live, so that they outlive the actor that made them."""

from annex_actors.stores.memory import MemoryStore
from annex_actors.stores.store import StateStore

__all__ = ["MemoryStore", "StateStore"]
