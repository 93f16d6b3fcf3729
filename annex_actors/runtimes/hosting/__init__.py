"""What every host shares whose peers can die: the supervision tree, heartbeats, and the judgement of failures.

A reading order: `node_host` (a node at work), `tree` (who supervises whom), `job`; then `heartbeat` and `watchdog`,
`failures`.
"""
