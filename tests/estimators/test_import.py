"""The estimators cost nothing where they are not used."""

from __future__ import annotations

import subprocess
import sys


def test_import_of_the_package_does_not_import_the_estimators() -> None:
    code = "import sys, annex_actors; annex_actors.Learner; print('annex_actors.estimators' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
