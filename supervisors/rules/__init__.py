"""Decisions, and nothing else: no thread, no clock, no actor. All of it can be tested with plain values.

Read in this order: `reasons` (why an actor ends), `strategy` (what a supervisor does about it), `window` (how often),
`backoff` (after which pause), `termination` (how a child is told to stop), `flags` (all of these as the options of one
supervisor), `options` (how an option is checked), `printing`, `errors`.
"""
