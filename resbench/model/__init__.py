"""The network: one file per axis, put together in `resnet.py`."""

from resbench.model.config import ModelConfig
from resbench.model.resnet import ResNet, build, count, measure, tally

__all__ = ["ModelConfig", "ResNet", "build", "count", "measure", "tally"]
