"""The network: one file per axis, put together in `resnet.py`; torch is imported when the first one is built."""

import importlib
from typing import TYPE_CHECKING, Any

from resbench.model.config import ModelConfig
from resbench.model.counting import Size, count, measure, offers_units, tally

if TYPE_CHECKING:
    from resbench.model.network import build
    from resbench.model.resnet import ResNet

__all__ = ["ModelConfig", "ResNet", "Size", "build", "count", "measure", "offers_units", "tally"]

_ELSEWHERE = {"build": "resbench.model.network", "ResNet": "resbench.model.resnet"}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'resbench.model' has no attribute {name!r}")
    return getattr(importlib.import_module(_ELSEWHERE[name]), name)
