"""A counter that crashes at random, and continues to count.

A restarted actor is a new one: its mailbox is empty, and its arguments determine its state. What must survive it is
kept elsewhere, here in a dictionary. Callers look up the counter by name after each crash.
"""

from __future__ import annotations

import logging
import random
from queue import SimpleQueue

from supervisors import Actor, ChildEvent, ChildExited, ChildReady, ChildSpec, Registry, Supervisor, on, render_tree


class Counter(Actor):
    """Adds up numbers, and saves the total after each."""

    def __init__(self, saved: dict[str, int], chance: random.Random) -> None:
        super().__init__()
        self.saved = saved
        self.chance = chance

    def on_receive(self, message: int) -> int:
        """Add ``message``; crash one time in five, before anything is saved."""
        if self.chance.random() < 0.2:
            raise RuntimeError(f"dropped {message}")
        self.saved["total"] += message
        return self.saved["total"]


def main() -> None:
    """Count to twelve in spite of crashes."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)  # the hook below prints each crash
    registry, saved, ready = Registry(), {"total": 0}, SimpleQueue[ChildEvent]()
    with Supervisor.start(
        [ChildSpec.of(Counter, saved, random.Random(1), id="counter", name="counter")],
        strategy="one_for_one",
        max_restarts=20,
        name="example",
        registry=registry,
        hooks=[on(ChildReady, ready.put), on(ChildExited, lambda event: print("counter ended:", event.reason))],
    ) as tree:
        while saved["total"] < 12:
            print("incarnation", ready.get().incarnation)
            counter = registry.whereis("counter")
            try:
                while counter and saved["total"] < 12:
                    print("total", counter.ask(1))
            except RuntimeError:
                pass  # `ask` raises the counter's own error; the counter has crashed and will be restarted
        print(render_tree(tree))


if __name__ == "__main__":
    main()
