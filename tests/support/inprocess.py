"""The real command line, called in this process: its own parsing, its own handling of mistakes, no start of Python."""

from __future__ import annotations

import contextlib
import io
import signal
import sys

from resbench.cli import main


def resbench(*words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    argv, sys.argv = sys.argv, ["resbench", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = argv
        for one, handler in handlers.items():
            signal.signal(one, handler)
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()
