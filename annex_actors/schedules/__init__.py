"""Pipeline schedules, as data: in which order a stage does its work, and which weights a microbatch meets.

Read `discipline` (what a schedule is), `table` (the schedules of this package), and `interleaving` (the order of a
worker that holds several stages).
"""
