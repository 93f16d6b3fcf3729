"""The pure core: messages in, effects out. No threads, clocks, sockets or global state.

Read `messages`, `routing` and `mailbox` first; then what makes a peer reliable: `retention`, `snapshot`, `effects`,
`survey` and `node`. `events` is what observers see, and `instrument` is how to watch a peer's work.
"""
