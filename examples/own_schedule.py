"""A pipeline schedule of your own: a row of data, checked, drawn, and trained with."""

from annex_actors import B, Discipline, F, Learner, W, activation, dense, load, register_schedule, sequence, simulate
from annex_actors.observe.timeline import draw
from annex_actors.testing import check_discipline

eager = register_schedule(
    Discipline(
        name="eager",
        summary="1F1B with one microbatch more in flight at every stage",
        priority=(B, F, W),
        credit=lambda s, S, m: S - s + 1,
    )
)

if __name__ == "__main__":
    check_discipline(eager)
    print("\n".join(draw(simulate("eager", stages=3, microbatches=4).pieces)))

    network = sequence(dense(32), activation("relu"), dense(10))
    weights = set()
    for schedule in ("1f1b", "eager"):
        result = Learner(network, schedule=schedule, microbatches=4).train(load("digits"), epochs=1)
        weights.add(result.checkpoint.weights_sha256)
    print("the weights of 1f1b" if len(weights) == 1 else "other weights")
