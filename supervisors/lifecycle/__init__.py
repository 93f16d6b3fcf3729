"""The life of one actor, from its construction to the moment when every watcher has been notified of its end.

Read in this order: `signals` and `mailbox` (what reaches an actor), `links` (what is notified of its end),
`actor_state` (what surrounds its code, and its one end), `obedience` (what it does about signals), `actor_loop` (what
its thread does), `base_actor` (what all that is made of), `launch` (how it starts; `arguments`: with what). `own_names`
keeps the names of an actor apart from those of its users.
`ref` is what others hold of it, `replies` what they wait for, `waiting` how an actor waits, `lineage` for whom it must
not, `room` the bound of a mailbox, `registry` its names, `named_ref` and `name_waits` a reference by name, `inherited`
what a fork makes of it, `hooks` the observers of the tree, `context` the circumstances of its start (`actor_context`:
what its state reads of them). `guarded` calls foreign code, `fenced` knows the threads that were abandoned, `frames`
keeps the traceback of a crash from holding the actor, `scheduled_state` is for actors without a thread of their own,
and `_pykka` is all that relies on Pykka's internals.
"""
