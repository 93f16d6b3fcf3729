"""The widest layer in two replicas: they share its microbatches, one of them crashes, and the weights are the same."""

import logging

from annex_actors import Crash, Event, Learner, PeerExited, PeerStarted, load, parse_layers

logging.getLogger("supervisors").setLevel(logging.CRITICAL)  # the observer below reports the crash


class Restarts:
    """Prints each crash and each restart."""

    def on_event(self, event: Event) -> None:
        """Print the event if it is one of these."""
        if isinstance(event, PeerStarted) and event.incarnation > 1:
            print(f"  {event.label} is up again, incarnation {event.incarnation}")
        elif isinstance(event, PeerExited) and not event.orderly:
            print(f"  {event.reason}")


if __name__ == "__main__":
    network = parse_layers("dense:256 relu dense:10")
    digits = load("digits")
    weights = set()
    for plan, crashes in [("1,3", []), ("1x2,3", [Crash(layer=0, step=60, microbatch=3)])]:
        learner = Learner(network, stages=plan, microbatches=4)
        print(f"--stages {plan}:")
        result = learner.train(digits, epochs=2, crashes=crashes, observers=[Restarts()])
        weights.add(result.checkpoint.weights_sha256)
        print(f"  {result.stages} actors, weights {result.checkpoint.weights_sha256[:32]}")
    print("bit-identical" if len(weights) == 1 else "they differ!")
