"""The network: one file per axis, put together in `resnet.py`."""

from resbench.model.config import ModelConfig
from resbench.model.counting import Size, count, measure, offers_units, tally
from resbench.model.network import build
from resbench.model.resnet import ResNet

__all__ = ["ModelConfig", "ResNet", "Size", "build", "count", "measure", "offers_units", "tally"]
