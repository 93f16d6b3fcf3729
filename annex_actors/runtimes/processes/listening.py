"""The actor of a worker: it waits for what its neighbours send, and needs no other thread for that."""

from __future__ import annotations

from typing import Any

from annex_actors.runtimes.hosting.node_host import Surroundings
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.threads import PeerActor


class ListeningActor(PeerActor):
    """Hosts one node. Told anything at all, it listens until its mailbox has something else: a signal to stop.

    Args:
        spec: the stage or reader.
        surroundings: of the peer.
        arrivals: what reaches it; other threads ring there after a signal.
    """

    def __init__(self, spec: PeerSpec, surroundings: Surroundings, arrivals: Arrivals) -> None:
        super().__init__(spec, surroundings)
        self._arrivals = arrivals

    def on_receive(self, listen: Any) -> None:
        """Give the node what comes in, and let it work until more does, for as long as the mailbox is empty.

        All that has arrived must be in the node's mailbox before the discipline chooses.
        """
        peer, arrivals, signals = self._peer, self._arrivals, self.actor_inbox
        has_work = True
        while signals.empty():
            for envelope in arrivals.take(wait=not has_work):
                peer.node.receive(envelope)
            has_work = peer.work()
        self.actor_ref.tell(listen)
