"""What a trace says: which message was answered when, why a layer waited, and how far the work is from the ideal.

`recording` has the records of a job by name: work, messages, waits. For it, `pairing` finds the send of each receipt,
and `waits` says why a peer did nothing, by what the schedule allows (`permission`). `ideal` simulates the same schedule
with the measured times. From these, each in a module of its own: `perfetto` (the format of Chrome), `gantt` (a
picture), `sequence` (a diagram of messages), `table`, `rows`. `trace` is all that for users; `tracer` makes one of a
block of Python, `trace_reader` reads that of a run.
"""
