"""Step through a run on the inline host, one message at a time, forwards and backwards.

A walk is a program and the moves made so far: each lets one peer work, delivers one message, or kills a peer. So a walk
can be carried out again, saved, and gone back in, by carrying it out again up to an earlier point. Nothing here is a
face: a terminal, a page and a test look at the same `Point`.

Read the modules in this order: `moves`: what can be done; `point`: what is seen; `arrays`, `reasons` and `look`: how
that is found in the peers; `walk`; `script`: moves as a user writes them; `saved`: a walk as JSON; `lines`: a point as
text.
"""
