"""Do a piece of a run again, alone, in one process, under a debugger, and compare it with what the run has recorded.

What a stage does is a function of its committed state and of its messages. So a failure is repeated from the files
that are kept of it (`kept`), and any other piece from the last checkpoint before it and the data (`oracle`), whatever
runtime and whatever crashes the run had.

Read the modules in this order: `pieces`: what is asked for, and what is said of it; `watch`: compares each piece on the
way; `oracle` and `kept`; `frames` and `debugger`.
"""
