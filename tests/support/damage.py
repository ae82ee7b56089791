"""Bytes as a failing disk returns them."""

from __future__ import annotations

import random

FLIPS = 500  # of a test that tries many


def flipped(whole: bytes, draw: random.Random) -> bytes:
    """The bytes with one bit changed."""
    out = bytearray(whole)
    out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)
