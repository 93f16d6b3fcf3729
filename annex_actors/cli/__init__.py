"""The command line: it parses, calls, prints, and says by its exit code how it went.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a failure that no restart could heal, or of the machine; what was committed is saved |
| 2 | a mistake in what was given: one line says what was expected, what came, and what to do |
| 130, 143 | Ctrl-C, SIGTERM: stopped in order, the last committed step saved |
| 141 | nobody reads standard output any more |

Results go to standard output, everything else to standard error. One file for each command; what takes long to import
is imported in the commands that need it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from signal import SIGPIPE

from typer import Exit

from annex_actors.base.errors import AnnexError, UserError
from annex_actors.cli.app import USAGE_ERROR, command
from annex_actors.cli.output import complain, report
from annex_actors.cli.signals import Signals

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code.

    Args:
        arguments: those after the program's name; by default the process's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with Signals(to_the_end=arguments is None) as signals:
        try:
            code = _carry_out(given or ["--help"])
            sys.stdout.flush()
            return code
        except KeyboardInterrupt as interrupt:
            code = signals.exit_code()
            report(str(interrupt) or "interrupted")
            return code
        except BrokenPipeError:  # whoever reads has seen enough, as in `annex-actors datasets | head -1`
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it lasts as long as the process
            return 128 + SIGPIPE
        except USAGE_ERROR as error:
            return complain(error.format_message(), code=2)
        except UserError as error:
            return complain(str(error), code=2)
        except (AnnexError, OSError) as error:
            return complain(str(error), code=1)


def _carry_out(arguments: list[str]) -> int:
    try:
        # Not `command(...)`, which would make another exception, and a line of its own, of Ctrl-C.
        with command.make_context("annex-actors", arguments) as context:
            return int(command.invoke(context) or 0)
    except Exit as exit:
        return int(exit.exit_code)
