"""Children that come and go: a session for each visitor, started on demand; one that crashes disturbs no other.

A session is transient: one that ends in order is forgotten, one that crashes is started again with the same arguments,
and what the visitor had said before is gone with its last incarnation.
"""

from __future__ import annotations

import logging
from queue import SimpleQueue

from supervisors import Actor, ChildEvent, ChildExited, ChildReady, ChildSpec, DynamicSupervisor, Registry, on


class Session(Actor):
    """Remembers what one visitor said."""

    def __init__(self, visitor: str) -> None:
        super().__init__()
        self.visitor = visitor
        self.said: list[str] = []

    def on_receive(self, message: str) -> str:
        """Answer with all that was said; crash at what cannot be read, and end at a goodbye."""
        self.said.append(message.encode("ascii").decode())
        if message == "bye":
            self.stop()
        return f"{self.visitor}, incarnation {self.incarnation}, has said: {', '.join(self.said)}"


def main() -> None:
    """Let three visitors talk; one of them crashes its session."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    registry, events = Registry(), SimpleQueue[ChildEvent]()
    hooks = [on(ChildExited, events.put), on(ChildReady, events.put)]
    with DynamicSupervisor.start(registry=registry, hooks=hooks) as sessions:
        for visitor in ("ada", "bob", "eve"):
            sessions.start_child(ChildSpec.of(Session, visitor, name=visitor, restart="transient"))
            events.get()
        for visitor, text in [("ada", "hello"), ("bob", "hi"), ("bob", "café"), ("bob", "cafe"), ("eve", "bye")]:
            try:
                print(registry.ref(visitor).ask(text))
            except UnicodeEncodeError as error:
                print(f"{visitor} crashed: {error.reason}")
        for _ in range(3):  # the crash of bob's session, its restart, and the end of eve's
            event = events.get()
            print(f"event: {type(event).__name__}, incarnation {event.incarnation}")
        print(f"{sessions.count_children().active} sessions are left; {registry.ref('ada').ask('anything else?')}")


if __name__ == "__main__":
    main()
