"""Kills of threads, in tests where warnings are errors."""

from __future__ import annotations

import pytest

KILLS_THREADS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""For tests that kill threads: a kill that strikes in a destructor is reported by Python, and not raised, and the actor
ends before its next message."""
