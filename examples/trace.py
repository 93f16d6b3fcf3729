"""A trace of a block: who sent what to whom in a step, how busy each layer was, and for what it waited."""

from annex_actors import Learner, activation, dense, load, sequence, trace

if __name__ == "__main__":
    learner = Learner(sequence(dense(32), activation("relu"), dense(10)), microbatches=2)
    with trace() as t:
        learner.train(load("digits"), epochs=1)

    print(t.sequence(0))
    for each in t.trace.figures().peers:
        reason = max(each.idle, key=each.idle.__getitem__)
        print(f"{each.label:32} busy {each.busy:.3f} s, idle most for: {reason}")
