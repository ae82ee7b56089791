"""The network: one file per axis, put together in `resnet.py`."""

from resbench.model.config import ModelConfig
from resbench.model.counting import Size, count, measure, tally
from resbench.model.resnet import ResNet, build

__all__ = ["ModelConfig", "ResNet", "Size", "build", "count", "measure", "tally"]
