"""Learn handwritten digits, and watch the training through an observer of your own."""

from annex_actors import EpochFinished, Event, Learner, activation, dense, dropout, load, sequence


class EveryFifthEpoch:
    """Prints every fifth epoch; an observer is any object with this one method."""

    def on_event(self, event: Event) -> None:
        """Print the event if it is the end of a fifth epoch."""
        if isinstance(event, EpochFinished) and event.epoch % 5 == 4:
            print(f"epoch {event.epoch + 1:2}: cost {event.train_cost:.4f}, accuracy {event.metrics['accuracy']:.3f}")


network = sequence(dense(128), activation("relu"), dropout(0.1), dense(10))
learner = Learner(network, cost="softmax_cross_entropy", optimizer="adam", microbatches=2, schedule="1f1b")
result = learner.train(load("digits"), epochs=20, batch_size=32, observers=[EveryFifthEpoch()])
print(f"{result.stages} actors, {result.checkpoint.step} steps, weights {result.checkpoint.weights_sha256[:16]}")
