"""What a field of the network may say of itself besides its type and when it acts (`core.config.acts_if`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoShape:
    """Annotation of a field that changes no shape: networks that differ only there have the same size and FLOPs."""
