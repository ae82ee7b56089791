"""The command line: parses, calls, prints. Heavy imports stand inside the commands."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time

from resbench.cli.app import app
from resbench.cli.options import same_command
from resbench.core.errors import SAME_SECONDS, Unwritable, UserError
from resbench.core.terminal import prepare_output


class _Signalled(BaseException):
    """SIGINT or SIGTERM, as an exception that unwinds, ends the children, and that no library takes for its own."""


def main() -> None:
    """Run the command line; mistakes of the user's end in plain lines and exit code 2, Ctrl-C in 130."""
    prepare_output()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except UserError as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        sys.exit(error.code)
    except _Signalled as signalled:
        print(
            f"interrupted; what was trained is kept; to go on: {shlex.join(same_command())}",
            file=sys.stderr,
            flush=True,
        )
        os._exit(128 + int(signalled.args[0]))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}", file=sys.stderr)
        if isinstance(error, Unwritable):
            advice = "every record that was there is kept; make it writable, then go on"
            print(f"{advice}: {shlex.join(same_command())}", file=sys.stderr)
            sys.exit(1)
        sys.exit(2)


def _interrupt(number: int, frame: object) -> None:
    first = time.monotonic()

    def repeated(number: int, frame: object) -> None:
        if time.monotonic() - first > SAME_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, repeated)
    print("stopping, and keeping what was trained; once more stops at once", file=sys.stderr, flush=True)
    raise _Signalled(number)
