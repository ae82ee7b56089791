"""The network: one file per axis, put together in `resnet.py`; torch is imported when the first one is built."""

from typing import TYPE_CHECKING, Any

from resbench.model.config import ModelConfig
from resbench.model.counting import Size, count, measure, offers_units, tally

if TYPE_CHECKING:
    from resbench.model.network import build

__all__ = ["ModelConfig", "Size", "build", "count", "measure", "offers_units", "tally"]


def __getattr__(name: str) -> Any:
    if name != "build":
        raise AttributeError(f"module 'resbench.model' has no attribute {name!r}")
    from resbench.model.network import build

    return build
