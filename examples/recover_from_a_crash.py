"""Crash two layers in the middle of training, and get the same weights to the last bit."""

import logging

from annex_actors import Crash, Event, Learner, PeerExited, PeerStarted, Point, activation, dense, load, sequence

# Supervisors log every crash with its traceback; here there are three on purpose, and the observer below reports them.
logging.getLogger("supervisors").setLevel(logging.CRITICAL)


class Restarts:
    """Prints every crash and every restart."""

    def on_event(self, event: Event) -> None:
        """Print the event if it is a crash or a restart."""
        if isinstance(event, PeerExited) and "crash on order" in event.reason:
            print(f"  {event.reason}")
        elif isinstance(event, PeerStarted) and event.incarnation > 1:
            print(f"  {event.label} is up again, incarnation {event.incarnation}")


def train(*crashes: Crash) -> str:
    """Train with these crashes and return the fingerprint of the weights."""
    network = sequence(dense(64), activation("relu"), dense(10))
    learner = Learner(network, microbatches=4, schedule="1f1b", seed=7)
    result = learner.train(load("digits"), epochs=3, crashes=crashes, observers=[Restarts()])
    print(f"restarts: {result.restarts}, weights {result.checkpoint.weights_sha256[:32]}")
    return result.checkpoint.weights_sha256


undisturbed = train()
disturbed = train(
    Crash(layer=1, step=7, microbatch=2, at=Point.BACKWARD),
    Crash(layer=2, step=7, at=Point.UPDATE),
    Crash(layer=0, step=90, at=Point.COMMIT),
)
print("bit-identical" if undisturbed == disturbed else "they differ!")
