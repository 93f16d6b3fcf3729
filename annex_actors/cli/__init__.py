"""The command line: it parses, calls, prints, and says by its exit code how it went.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a failure that no restart could heal, or of the machine; what was committed is saved |
| 2 | a mistake in what was given: one line says what was expected, what came, and what to do |
| 130, 143 | Ctrl-C, SIGTERM: stopped in order, the last committed step saved |

Results go to standard output, everything else to standard error. One file for each command; what takes long to import
is imported in the commands that need it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from signal import SIGINT

from typer import Exit

from annex_actors.cli.app import USAGE_ERROR, command
from annex_actors.cli.output import complain, report
from annex_actors.cli.signals import signals_as_interrupts
from annex_actors.errors import AnnexError, UserError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code.

    Args:
        arguments: those after the program's name; by default the process's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with signals_as_interrupts() as received:
        try:
            # Not `command(...)`, which would make another exception, and a line of its own, of Ctrl-C.
            with command.make_context("annex-actors", given or ["--help"]) as context:
                return int(command.invoke(context) or 0)
        except Exit as exit:
            return int(exit.exit_code)
        except KeyboardInterrupt as interrupt:
            report(str(interrupt) or "interrupted")
            return 128 + (received or [SIGINT])[0]
        except USAGE_ERROR as error:
            return complain(error.format_message(), code=2)
        except UserError as error:
            return complain(str(error), code=2)
        except (AnnexError, OSError) as error:
            return complain(str(error), code=1)
