"""Faults made on purpose: crashes `planned` at a place that a user names, and faults `injected` while a run goes on."""
