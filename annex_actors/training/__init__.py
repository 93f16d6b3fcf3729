"""Training: from a network and a data set to actors, and from the actors to weights.

Read the modules in this order:

1. `learner`: the facade; `learner_spec`: its settings, checked; `halting` and `early_stopping`: when to stop before the
   last epoch, with `halts`, the table of their names;
2. `preparation`: a training before any actor starts, with `assembly`: from layers to stages; and
   `initial_weights`, with `weight_files`;
3. `session`: a training while it runs, with `interrupts` and `attendants`; `result` and `history`: its outcome;
   `prediction`; `summary`: what the network is made of; `rate_finder`: which learning rate to take;
4. `checkpoint`: the state of a whole network, and its `fingerprints`; `best`: that of the best epoch, kept
   beside it; `checkpoint_files` and `checkpoint_writer`, with `atomic_files` and `array_files`: checkpoints on
   the disk;
5. `identity` and `identification`: what decides the bits of a training, and must be the same where it goes on;
   `wholeness`: whether a checkpoint's parts fit together.
"""
