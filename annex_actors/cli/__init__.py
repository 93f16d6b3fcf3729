"""The command line: it parses arguments, calls the package, prints results, and returns an exit code.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a failure that restarts could not repair, or an error of the operating system; committed steps are saved |
| 2 | a mistake in the input, or a file that cannot be used: one line says what was expected and found, and what to do |
| 130, 143 | Ctrl-C, SIGTERM: an orderly stop, with the last committed step saved |
| 141 | the reader of standard output has gone |

A user never sees a traceback, unless ``--debug`` asks for it: a failure that no command expects is one line too.

Results go to standard output, everything else to standard error. Each command has its own file. Commands import what
is slow to import themselves, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from logging import NullHandler
from signal import SIGPIPE

from typer import Exit

from annex_actors.base import heap
from annex_actors.base.errors import AnnexError, UserError, message_of
from annex_actors.base.files import reason
from annex_actors.base.logs import logs_to
from annex_actors.cli.app import USAGE_ERROR, command
from annex_actors.cli.output import print_error, print_note
from annex_actors.cli.signals import Signals

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the command and its arguments; by default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        heap.use_one_arena()
    with Signals(until_exit=arguments is None) as signals, logs_to(NullHandler()):
        try:
            code = _run(given or ["--help"])
            sys.stdout.flush()
            return code
        except KeyboardInterrupt as interrupt:
            code = signals.exit_code()
            print_note(str(interrupt) or "interrupted")
            return code
        except BrokenPipeError:  # the reader has closed it, as in `annex-actors datasets | head -1`
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
            return 128 + SIGPIPE
        except USAGE_ERROR as error:
            return print_error(error.format_message(), code=2)
        except UserError as error:
            return print_error(str(error), code=2)
        except AnnexError as error:
            return print_error(str(error), code=1)
        except MemoryError as error:
            return print_error(f"expected what fits into memory, got: {message_of(error)}; ask for less", code=2)
        except OSError as error:
            what = f"{error.filename}: " if error.filename else ""
            return print_error(f"expected the system to do its part, got: {what}{reason(error)}", code=1)
        except Exception as error:  # noqa: BLE001 - a fault of this package, or of the user's own layers
            return _unexpected(error, debug="--debug" in given)


def _unexpected(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    more = "" if debug else "; with --debug it shows the traceback, which belongs into a report of this fault"
    return print_error(f"unexpected {type(error).__name__}: {message_of(error)}{more}", code=1)


def _run(arguments: list[str]) -> int:
    try:
        # Not `command(...)`, which would turn Ctrl-C into another exception and print a line.
        with command.make_context("annex-actors", list(arguments), obj=arguments) as context:
            return int(command.invoke(context) or 0)
    except Exit as exit:
        return int(exit.exit_code)
