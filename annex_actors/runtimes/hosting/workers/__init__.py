"""What the runtimes share whose peers live in workers: processes of their own, on this machine or on others.

A worker hosts one peer at a time, as the same `PeerActor` as on threads. The supervising process starts it, watches it
and talks to it by control messages; how they travel, a runtime says: on a socket to an OS process, as calls to a Ray
actor. So do how a channel between two neighbours is made, and where commits go.

Read `control_messages`; on the side of the worker `peer_worker` (what it obeys), `worker_surroundings` (what its peer
is given) and `ending` (errors, as any process can read them); on the supervising side `worker_child` (a worker, and
its peer as a child), `connections` (who sends to which incarnation), `startup` (one start), `commits` (what the
runtimes' places for commits have in common) and `worker_or_thread` (a peer may move to a thread, and back).
"""
