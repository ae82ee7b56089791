"""Imported once by the fork server, so that no run pays for it: the program, torch's compiler, the embedded images.

torch imports its compiler at the first optimizer, which takes a second and a half.
"""

from __future__ import annotations

import contextlib

import torch._dynamo  # noqa: F401

import resbench.train  # noqa: F401
from resbench.embedded import mnist_5k
from resbench.errors import UserError

with contextlib.suppress(UserError):  # the run that needs them will tell
    mnist_5k(train=True)
