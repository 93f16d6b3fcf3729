"""Training: from a network and a data set to peers, and from these to weights.

A reading order:

1. `learner`: the facade; `learner_spec`: its settings, checked; `halting`: when to stop early;
2. `preparation`: a training before any actor starts, with `assembly`, from layers to stages;
3. `session`: a training while it is carried out, with `interrupts`; `result`: what it came to; `prediction`;
4. `checkpoint`: the state of a whole network; `checkpoint_files`, with `atomic_files`: the same on the disk;
   `fingerprints`.
"""
