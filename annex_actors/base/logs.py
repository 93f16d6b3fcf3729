"""Where the logs of supervisors and runtimes go, and Python's warnings: too much for a terminal, but worth keeping."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("supervisors", "annex_actors", "py.warnings")


@contextmanager
def logs_to(handler: logging.Handler) -> Iterator[None]:
    """Send logs and warnings to a handler during the block, and nothing to standard error; blocks may be nested.

    Every crash is logged with its traceback, and NumPy warns of every overflow.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.propagate for logger in loggers]
    shown = warnings.showwarning
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    logging.captureWarnings(True)
    try:
        yield
    finally:
        if warnings.showwarning is not shown:  # else an outer block has captured them
            logging.captureWarnings(False)
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
        handler.close()
