"""The pure core: messages in, effects out. No threads, clocks, sockets or global state.

A reading order: `messages`, `routing`, `mailbox`; then what makes a peer reliable: `retention`, `snapshot`, `effects`,
`node`; `events` is what observers see, and `instrument` how to look in at a peer's work.
"""
