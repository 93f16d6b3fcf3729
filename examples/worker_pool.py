"""A pool of workers, routed by key, and single tasks beside it.

Each word goes to the copy of `WordCounter` to which its first letter belongs, so no two copies share a word. A
poisonous word crashes its copy; the others are not affected, and the copy is restarted for the next word.
"""

from __future__ import annotations

import logging
from collections import Counter
from queue import SimpleQueue

from supervisors import Actor, ChildReady, ChildSpec, PartitionSupervisor, Supervisor, TaskSupervisor, on

TEXT = "the fish saw the shrimp and the shrimp saw poison the fish ate the shrimp"


class WordCounter(Actor):
    """Counts words; a copy that crashes loses its counts."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def on_receive(self, message: str) -> Counter[str]:
        """Count ``message``, unless it is empty, and return all counts of this copy."""
        if message == "poison":
            raise ValueError(f"copy {self.context.id} cannot stomach {message!r}")
        self.counts.update([message] if message else [])
        return self.counts


def main() -> None:
    """Count the words of a text, and compute a sum at the same time."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    ready: SimpleQueue[ChildReady] = SimpleQueue()
    pool = ChildSpec.of(PartitionSupervisor, WordCounter, partitions=3, id="pool")
    tasks = ChildSpec.of(TaskSupervisor, id="tasks")
    with Supervisor.start([pool, tasks], strategy="one_for_one", hooks=[on(ChildReady, ready.put)]) as tree:
        words = tree.which_child("pool").ref
        one_off = tree.which_child("tasks").ref
        total = one_off.run(sum, range(1_000_001))
        for word in TEXT.split():
            try:
                words.route(word[0]).ask(word)
            except ValueError as error:
                print("crashed:", error)
                while ready.get().incarnation == 1:
                    pass
        for number in range(words.partitions):
            print("copy", number, dict(words.route(number).ask("")))
        print("the sum of a million numbers is", total.result())


if __name__ == "__main__":
    main()
