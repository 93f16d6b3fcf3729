"""Put every layer into a process of its own, kill -9 one of them in the middle, and get the same weights."""

import logging

import psutil

from annex_actors import Event, Learner, PeerExited, PeerStarted, StepFinished, activation, dense, load, sequence

# Supervisors log every death; here there is one on purpose, and the observer below reports it.
logging.getLogger("supervisors").setLevel(logging.CRITICAL)


class Killer:
    """Kills the process of a layer when the cost of step 60 is known, and prints its death and restart."""

    def on_event(self, event: Event) -> None:
        """Kill a process, or print how it ended and that it is up again."""
        if isinstance(event, StepFinished) and event.step == 60:
            _fork_server, *layers = psutil.Process().children(recursive=True)
            layers[1].kill()
        elif isinstance(event, PeerExited) and not event.orderly:
            print(f"  {event.label}: {event.reason}")
        elif isinstance(event, PeerStarted) and event.incarnation > 1:
            print(f"  {event.label} is up again, incarnation {event.incarnation}")


def train(*observers: Killer) -> str:
    """Train and return the fingerprint of the weights."""
    network = sequence(dense(64), activation("relu"), dense(10))
    learner = Learner(network, runtime="processes", seed=7)
    result = learner.train(load("digits"), epochs=3, observers=observers)
    print(f"restarts: {result.restarts}, weights {result.checkpoint.weights_sha256[:32]}")
    return result.checkpoint.weights_sha256


if __name__ == "__main__":  # every process of a layer imports this file
    undisturbed = train()
    disturbed = train(Killer())
    print("bit-identical" if undisturbed == disturbed else "they differ!")
