"""Waiting, waking and running: what this package knows of threads and time, and nothing about actors.

Read in this order: `latch` and `clock` (waiting, in real or in manual time), `coroutines` (waiting while an event loop
goes on), `timers` (calls at a later time), `occupied` (what runs on a thread), `forks` (which process this is),
`async_exception` (the only force that Python has over a thread), then the scheduler: `run_queue` (what runs next),
`worker_thread` (one of its threads, and how a wait is announced), `scheduler` (how many threads run it).
"""
