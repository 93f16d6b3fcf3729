"""Run the command line: ``python -m annex_actors`` is ``annex-actors``."""

from __future__ import annotations

import sys

from annex_actors.cli import main

if __name__ == "__main__":
    sys.exit(main())
