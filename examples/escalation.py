"""A fault that a restart does not cure goes up the tree, until the restart of a branch cures it.

The reader crashes as long as the connection beside it is stale. Its supervisor restarts the reader alone, in vain, and
gives up after two restarts. The supervisor above then restarts the whole branch, connection included: cured.
"""

from __future__ import annotations

import logging
import threading

from supervisors import NORMAL, Actor, ChildEvent, ChildExited, ChildSpec, Escalated, Restart, Supervisor, on


class Connection(Actor):
    """Is stale in the first branch, and fresh in every later one."""

    def on_receive(self, message: object) -> bool:
        """Return whether this connection works."""
        return self.context.lineage[1] > 1  # the incarnation of the branch


class Reader(Actor):
    """Reads once over the connection; crashes if that is stale."""

    def on_start(self) -> None:
        """Begin to read when the start is over."""
        self.actor_ref.tell("read")

    def on_receive(self, message: object) -> None:
        """Read, and stop."""
        connection = self.context.registry.whereis("connection") if self.context.registry else None
        if connection is None or not connection.ask("are you well?"):
            raise ConnectionError("stale connection")
        self.stop()


def main() -> None:
    """Run the tree until the reader has succeeded."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    done = threading.Event()

    def tell(event: ChildEvent) -> None:
        reason = getattr(event, "reason", None)
        print(f"{event.supervisor}: {type(event).__name__} {event.id} {event.incarnation}, {reason}")
        if event.id == "reader" and reason == NORMAL:
            done.set()

    reader = ChildSpec.of(Reader, id="reader", restart=Restart.TRANSIENT)  # not again after a normal end
    connection = ChildSpec.of(Connection, id="connection", name="connection")
    branch = ChildSpec.of(Supervisor, [connection, reader], strategy="one_for_one", max_restarts=2, id="branch")
    hooks = [on(ChildExited, tell), on(Escalated, tell)]
    with Supervisor.start([branch], strategy="one_for_one", name="root", hooks=hooks):
        done.wait()
        print("the reader has read all there was")


if __name__ == "__main__":
    main()
