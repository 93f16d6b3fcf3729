"""One network on three runtimes: threads of this process, processes of their own, and actors of Ray.

A profile says what a step should take on each, a training what it does take, and the weights are the same to the last
bit. Ray starts on this machine, or joins the cluster that the environment variable RAY_ADDRESS names. It needs
`pip install 'annex-actors[ray]'`.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from annex_actors import Event, Learner, Plan, StepFinished, load, parse_layers, profile
from annex_actors.experiments.prediction import predict
from annex_actors.runtimes import RayRuntime

BATCH, MICROBATCHES, EPOCHS, SECONDS = 128, 4, 3, 4.0
RUNTIMES = ["schedulers", "processes", "ray"]


class Steps:
    """An observer that notes when the cost of each step was known."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_event(self, event: Event) -> None:
        """Note the end of a step."""
        if isinstance(event, StepFinished):
            self.times.append(event.time)


def main() -> None:
    """Run the experiment."""
    digits, network = load("digits"), parse_layers("dense:512 relu dense:512 relu dense:10")
    plan = Plan.parse("3,2", len(network.layers))
    weights = set()
    with RayRuntime().kept_up():
        spec = Learner(network, microbatches=MICROBATCHES).spec
        known = profile(spec, digits, batch_size=BATCH, runtimes=RUNTIMES, seconds=SECONDS)
        print("a step in ms  predicted  measured  hop µs  weights")
        for name in RUNTIMES:
            predicted = predict(known, plan, microbatches=MICROBATCHES, runtime=name).seconds
            learner, steps = Learner(network, microbatches=MICROBATCHES, runtime=name, stages=plan), Steps()
            trained = learner.train(digits, epochs=EPOCHS, batch_size=BATCH, observers=[steps]).checkpoint
            measured = median(after - before for before, after in pairwise(steps.times))
            times = f"{1e3 * predicted:9.2f}  {1e3 * measured:8.2f}  {1e6 * known.hops[name].latency:6.0f}"
            print(f"{name:12}  {times}  {trained.weights_sha256[:16]}")
            weights.add(trained.weights_sha256)
    print("bit-identical" if len(weights) == 1 else "NOT EQUAL")


if __name__ == "__main__":
    main()
