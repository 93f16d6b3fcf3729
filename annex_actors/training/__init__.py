"""Training: from a network and a data set to peers, to weights, to a folder on the disk.

A reading order:

1. `learner`: the facade; `assembly` and `checkpoint`: from layers to stages and back;
2. `trainer`, with `feed`; `predictor`;
3. `settings` and `config`: a run as text;
4. `recorded`: a run that leaves a `run_directory` behind, however it ends; `report`, `environment`: what is in it.
"""
