"""A run on the disk: its settings, its folder, and how to go on with it.

A reading order:

1. `toml_settings`, `sections` and `config`: a run as text;
2. `records`: what is written of it; `run_counts` and `environment`: where that comes from;
3. `run_directory`, with `run_lock`: the folder, as it is written; `saved_run`: the folder, read into a value;
4. `recorded_run`: train in a folder, and go on with what was cut off.
"""
