"""What the machine can do."""

import pytest
import torch

from resbench.benchmark.machine import machine_metrics
from resbench.model import Size
from resbench.training.device import Placement


@pytest.mark.parametrize("bf16", [False, True])
def test_the_roofline_counts_three_passes_and_five_moves_of_each_activation(bf16: bool) -> None:
    size: Size = {"parameters": 1, "flops": 1000, "activations": 10}
    metrics = machine_metrics(size, 7.0, Placement(torch.device("cpu"), 1, bf16, channels_last=False))
    assert metrics["flops_per_second"] == 3 * 1000 * 7
    assert metrics["bytes_per_image"] == 5 * 10 * (2 if bf16 else 4)
    assert metrics["share_of_peak"] == metrics["flops_per_second"] / metrics["peak_flops_per_second"]
    assert metrics["flops_per_byte"] == 3000 / metrics["bytes_per_image"]
    assert metrics["bandwidth"] > 0
