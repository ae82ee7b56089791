"""ResNet-18 as torchvision has it (He et al. 2015, arXiv 1512.03385), for images of any number of channels."""

from torch import nn
from torchvision.models import resnet18


def make(channels: int, size: int, classes: int, stem: str = "imagenet", zero_init: bool = False) -> nn.Module:
    """ResNet-18, not trained before.

    Args:
        stem: `imagenet` is torchvision's: a convolution of 7 x 7 with stride 2 and a max pool, which leave 7 x 7 positions of an
            image of 28 x 28. `small` is the usual one for small images: a convolution of 3 x 3 and no pool, which leave all
            positions, for 16 times the work.
        zero_init: every branch starts at zero, by its last norm (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    """
    network = resnet18(num_classes=classes, zero_init_residual=zero_init)
    if stem not in ("imagenet", "small"):
        raise ValueError(f"stem {stem!r} should be imagenet or small")
    kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
    network.conv1 = nn.Conv2d(channels, 64, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    if stem == "small":
        network.maxpool = nn.Identity()
    return network
