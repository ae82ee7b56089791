"""Runs a command, and ends it with all that it has started when standard input closes: `python guard.py COMMAND ...`.

The process that runs this holds the other end of the pipe, which closes with it, however it is killed. This file needs nothing else
of resbench, so that it starts at once.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

_GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL


def main(words: list[str]) -> int:
    """Run the command in a session of its own; returns its exit code, or 128 and the number of the signal that ended it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # the process of a run ignores some of them
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with_pipe, args=(process.pid,), daemon=True).start()
    code = process.wait()
    _signal(process.pid, signal.SIGKILL)  # what it has left behind
    return code if code >= 0 else 128 - code


def _end_with_pipe(group: int) -> None:
    while os.read(0, 1):
        pass
    _signal(group, signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
