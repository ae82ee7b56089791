"""Imported once by the fork server, so that no run pays for it: the program, torch's compiler, the embedded images.

torch imports its compiler at the first optimizer, which takes a second and a half.
"""

from __future__ import annotations

import contextlib
import signal

import torch._dynamo  # noqa: F401

import resbench.training.train  # noqa: F401
from resbench.core.errors import UserError
from resbench.data.embedded import mnist_5k

# a signal to the whole group is the command's to answer: without the server its runs could not keep their state
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with contextlib.suppress(UserError):  # the run that needs them will tell
    mnist_5k(train=True)
