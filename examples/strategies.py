"""The three restart strategies: the middle one of three children crashes; which of them are started again?"""

from __future__ import annotations

import logging
from queue import SimpleQueue

from supervisors import Actor, ChildEvent, ChildExited, ChildReady, ChildSpec, Strategy, Supervisor, on


class Part(Actor):
    """Crashes at any message."""

    def on_receive(self, message: object) -> None:
        """Crash."""
        raise RuntimeError("broken")


def main() -> None:
    """Crash the middle child under each strategy, and print what its supervisor does."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)  # each crash here is on purpose
    for strategy in Strategy:
        events: SimpleQueue[ChildEvent] = SimpleQueue()
        children = [ChildSpec.of(Part, id=name) for name in ("source", "filter", "sink")]
        hooks = [on(ChildExited, events.put), on(ChildReady, events.put)]
        with Supervisor.start(children, strategy=strategy, hooks=hooks) as tree:
            for _ in children:
                events.get()  # the first start of each
            tree.which_child("filter").ref.tell("crash")
            print(f"{strategy.value}:")
            restarted = 0
            while restarted < len(strategy.plan(["source", "filter", "sink"], "filter").start):
                event = events.get()
                restarted += isinstance(event, ChildReady)
                print(f"  {event.id} {event.reason if isinstance(event, ChildExited) else 'is up again'}")


if __name__ == "__main__":
    main()
