"""What a trace says: which message was answered when, why a layer waited, and how far the work is from the ideal.

`trace` has the records of a job; `pairing` finds the send of each receipt, `waits` says why a peer did nothing, `ideal`
simulates the same schedule with the measured times. `tracer` traces a block of Python. From these, each in a module of
its own: `perfetto` (the format of Chrome), `gantt` (a picture), `sequence` (a diagram of messages), `table`, `rows`.
"""
