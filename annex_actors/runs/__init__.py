"""A run on the disk: its settings, its folder, and how to resume it.

Read the modules in this order:

1. `toml_settings`, `sections` and `config`: a run's settings as text;
2. `records`: what is written about a run; `run_counts` and `environment`: where that comes from;
3. `run_directory`, with `run_lock` and `run_log`: writes a run's folder; `saved_run`: reads it as a value, and
   `loaded_files`: which code it may run;
4. `event_log`: what happens in a run, as lines of JSON; `story`: what failed, told in order from these;
5. `failure_files` and `fingerprint_file`, written by the `keeper`: what `annex_actors.replay` repeats and compares;
6. `recorded_run`: train in a folder, perhaps with the `initial_weights` of another run; `resumption`: go on with one.
"""
