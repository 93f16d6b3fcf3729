"""What all hosts share whose peers can die: the supervision tree, heartbeats, and the judgement of failures.

Read `node_host` (a node at work), `peer_ref` (a reference to it), `tree` (the supervisors), `surroundings` (what peers
are given), `outcome`, `driver` and `job` (how the owner waits, and asks); then, for failures, `heartbeat` and
`watchdog`, `standstill`, `own_code`, `failures` and `judge`; `probed`, what a host says of a peer when it is asked; and
`observers`.

Two counters number the incarnations of a peer. The **supervisor's** is what events and logs show, and what
`PeerRef.incarnation` and `NodeHost.start` are about. The **store's** is in envelopes and commits, where it fences off
what a dead incarnation still sends: it outlives every supervisor, and so never goes back. Code that has to do with both
calls the first one ``incarnation`` and the second one ``number``.
"""
