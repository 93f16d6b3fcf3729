"""What every host shares whose peers can die: the supervision tree, heartbeats, and the judgement of failures.

A reading order: `node_host` (a node at work), `peer_ref` (what others hold of it), `tree` (who supervises whom),
`surroundings` (what peers are given), `outcome` and `job` (how the owner waits); then what goes wrong: `heartbeat` and
`watchdog`, `failures` and `judge`; and `observers`.
"""
