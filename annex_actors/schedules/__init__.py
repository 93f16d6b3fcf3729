"""Pipeline schedules, as data: in which order a stage does its work, and which weights a microbatch meets.

A reading order: `discipline` (what a schedule is), `table` (those that come with the package), `interleaving` (the
order of a worker that holds several stages).
"""
