"""A schedule decides about time and memory, not about results: four simulated, then trained with, to equal weights."""

from annex_actors import CostModel, Learner, activation, dense, load, sequence, simulate

SCHEDULES = ["sequential", "gpipe", "1f1b", "1f1b-latency-hiding"]
MICROBATCHES = 8
HOPS = CostModel(latency=0.5)  # a message takes half as long as a forward

if __name__ == "__main__":
    network = sequence(dense(32), activation("relu"), dense(10))
    digits = load("digits")
    weights = set()
    print(f"{'4 stages, 8 microbatches':<26}time  bubble  kept by each stage  weights")
    for schedule in SCHEDULES:
        simulated = simulate(schedule, stages=4, microbatches=MICROBATCHES, costs=HOPS)
        kept = " ".join(str(stage.in_flight) for stage in simulated.stages)
        learner = Learner(network, schedule=schedule, microbatches=MICROBATCHES)
        trained = learner.train(digits, epochs=1).checkpoint.weights_sha256[:16]
        print(f"{schedule:<26}{simulated.makespan:4}  {simulated.idle:6}  {kept:18}  {trained}")
        weights.add(trained)
    print("bit-identical" if len(weights) == 1 else "they differ!")
