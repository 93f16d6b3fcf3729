"""Faults made on purpose: `planned` ones, at a place that a user names, and those `injected` while a run goes on."""
