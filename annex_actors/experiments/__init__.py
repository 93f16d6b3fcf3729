"""Experiments on a training: how long it would take (`simulation`), and what it survives (`chaos`, `chaos_runtime`)."""
