"""The trace of a run: each message and piece of work. Each peer writes it to memory that another thread reads.

Read `scope` (which steps), `layout` (a record, and the memory that a peer writes), `recorder` (the instrument that
writes), `tracing` (what reads, for a job), and `kept` (where the records go). `annex_actors.tracing` says what
they mean.
"""
