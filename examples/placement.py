"""A placement experiment: what each layer costs here, what three plans should take, and what they do take.

The profile is measured once and kept. By it the simulator predicts a step with each plan, then blocks of steps are
trained with each in turn. By a synchronous schedule no plan changes a bit: the weights are equal, or `compare` raises.
"""

from __future__ import annotations

from annex_actors import Comparison, Learner, Problem, Profile, Worker, compare, load, parse_layers, plan, profile

BATCH, MICROBATCHES = 128, 4
SECONDS = 3.0
PLANS = ["1", "3,2", "layer"]


def print_profile(known: Profile) -> None:
    """Print the milliseconds of a microbatch at each layer."""
    print(f"microbatches of {known.rows} samples, ms:")
    for layer in known.layers:
        times = {"F": layer.forward, "B": layer.backward, "W": layer.weight_gradient, "U": layer.update}
        print(f"  {layer.name:24}", *(f"{name} {1e3 * each.median:6.3f}" for name, each in times.items()))


def print_comparison(found: Comparison) -> None:
    """Print prediction and measurement of each plan, and the winner."""
    print("plan        predicted   measured     error  weights")
    for each in found.plans:
        ms = f"{1e3 * each.predicted.seconds:9.2f}  {1e3 * each.seconds:9.2f}"
        print(f"{each.name:10}  {ms}  {each.error or 0:8.0%}  {str(each.weights_sha256)[:12]}")
    print(f"fastest: {found.winner.name}{'' if found.is_clear else ', by less than the noise'}")


def main() -> None:
    """Run the experiment."""
    digits = load("digits")
    network = parse_layers("dense:256 relu dense:256 relu dense:10")
    learner = Learner(network, microbatches=MICROBATCHES, runtime="schedulers")

    known = profile(learner.spec, digits, batch_size=BATCH, runtimes=["schedulers"], seconds=SECONDS)
    print_profile(known)

    problem = Problem.of(
        known, batch_size=BATCH, microbatches=[MICROBATCHES], runtime="schedulers", workers=[Worker()] * 2, cores=2
    )
    best = plan(problem)
    print(f"the planner's choice for two workers: {best.plan} by {best.best.schedule}")

    print_comparison(compare(learner.spec, digits, PLANS, batch_size=BATCH, measure=True, seconds=SECONDS, known=known))


if __name__ == "__main__":
    main()
