"""Imported once by the fork server, so that no run pays for it: the program, torch's compiler, the embedded images.

torch imports its compiler at the first optimizer, which takes a second and a half.
"""

from __future__ import annotations

import contextlib
import gc
import signal

import torch._dynamo  # noqa: F401

import resbench.training.train  # noqa: F401
from resbench.core.errors import UserError
from resbench.core.version import source_hash
from resbench.data.embedded import mnist_5k

source_hash()  # of the code that was imported, whatever is edited while it runs
# the command answers a signal to the whole group: without the server its runs could not save their state
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with contextlib.suppress(UserError):  # the run that needs the images reports it
    mnist_5k(train=True)
gc.collect()
gc.freeze()  # the collections of a run need not walk what was imported, nor copy its pages
