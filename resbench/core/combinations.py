"""Whether combinations of fields that mean nothing to our own training code are refused: a user's code may take them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_COMBINATIONS: ContextVar[bool] = ContextVar("combinations", default=True)


@contextlib.contextmanager
def combinations_count(count: bool) -> Iterator[None]:
    """Whether configurations that are made meanwhile refuse combinations of fields that mean nothing to our own code."""
    token = _COMBINATIONS.set(count)
    try:
        yield
    finally:
        _COMBINATIONS.reset(token)


def combinations_matter() -> bool:
    """Whether combinations that mean nothing to our own code are refused."""
    return _COMBINATIONS.get()
