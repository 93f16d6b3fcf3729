"""The pure core: messages in, effects out. No threads, clocks, sockets or global state.

A reading order: `messages`, `routing`, `discipline`, `mailbox`, `stage`, then what makes a peer reliable: `retention`,
`snapshot`, `effects`, `node`; `events` is what observers see.
"""
