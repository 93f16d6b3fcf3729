"""One child, as its supervisor sees it, whatever it runs on.

Read in this order: `child` (the protocol), `thread_child` (an actor as a child), `spec` (how to start and stop it, as
data), `records` (what a supervisor remembers of it), `kill_ladder` (force), `control` (starting and stopping, as
effects). `events`, `reports` and `snapshots` are what others get to know of it.
"""
