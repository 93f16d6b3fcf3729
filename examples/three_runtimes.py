"""One network on three runtimes: threads of this process, processes of their own, and actors of Ray.

A profile says what a step should take on each, blocks of steps say what it does take, and the weights are the same to
the last bit. Ray starts on this machine, or joins the cluster that the environment variable RAY_ADDRESS names. It needs
`pip install 'annex-actors[ray]'`.
"""

from __future__ import annotations

from annex_actors import Learner, RayRuntime, compare, load, parse_layers, profile

BATCH, MICROBATCHES = 128, 4
SECONDS = 4.0
PLAN = "2"
RUNTIMES = ["schedulers", "processes", "ray"]


def main() -> None:
    """Run the experiment."""
    digits = load("digits")
    network = parse_layers("dense:512 relu dense:512 relu dense:10")
    weights = set()

    with RayRuntime().kept_up():
        spec = Learner(network, microbatches=MICROBATCHES).spec
        known = profile(spec, digits, batch_size=BATCH, runtimes=RUNTIMES, seconds=SECONDS)
        print("runtime     hop µs  predicted ms  measured ms  weights")
        for name in RUNTIMES:
            learner = Learner(network, microbatches=MICROBATCHES, runtime=name)
            (found,) = compare(
                learner.spec, digits, [PLAN], batch_size=BATCH, measure=True, seconds=SECONDS, known=known
            ).plans
            hop, predicted = 1e6 * known.hops[name].latency, 1e3 * found.predicted.seconds
            print(f"{name:10}  {hop:6.0f}  {predicted:12.2f}  {1e3 * found.seconds:11.2f}  {found.weights_sha256}"[:72])
            weights.add(found.weights_sha256)

    print("bit-identical" if len(weights) == 1 else "NOT EQUAL")


if __name__ == "__main__":
    main()
