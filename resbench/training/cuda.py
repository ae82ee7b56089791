"""What is special to CUDA: a network as graphs, and how many runs fit on one device.

Decisions and their reasons:
- Images live on the device as bytes, and batches are gathered and augmented there (`data/`).
- Forward and backward pass are replayed as CUDA graphs. Small networks of a hundred layers are bound by the launching of
  kernels; a graph launches them all at once, and they are the kernels of eager mode, so nothing else is computed.
- Nothing is compiled. Inductor rounds the statistics of batch norm to the precision of autocast and fuses differently
  from version to version, which would make results depend on it; and a network takes it a minute or two, so that a
  grid of many small networks would be compiled longer than trained.
- The optimizer is fused where it can be: two kernels for all parameters, so it needs no graph (`optimizer.py`).
- `graph="step"` replays the whole step instead, from the gathering of images to the optimizer and the tally, and the
  evaluation after an epoch: a step is one launch for the host (`program.py`, `evaluation.py`, `replay.py`). Its casts and
  counters are a few kernels for all tensors (`lean.py`). It computes the same bits, and is not the default before it
  has been measured on a card.
- `train_together` makes the steps of several runs parallel branches of one graph, each on a stream of its own, so that small
  kernels of one run fill what those of another leave idle (`lockstep.py`, `replay.py`). They are the kernels of each run
  alone, with the same bits; fusing runs into one network, by grouped convolutions or `vmap`, would change them.
- Within an epoch the host never waits: losses stay on the device, divergence is checked at its end (`epoch.py`).
- cuDNN must not choose kernels by timing and is kept deterministic (`device.apply_placement`).
- Several runs share a device, as many as fit by the memory that the largest of them was measured to take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from resbench.training.device import Placement

_CONTEXT = 600 * 2**20  # bytes that CUDA itself takes in each process, with cuBLAS and cuDNN loaded
_FILL = 0.9  # part of the free memory that runs may take


class AutocastNetwork(nn.Module):
    """The network with autocast inside, so that a graph holds the casts too.

    `make_graphed_callables` replaces `forward` of its argument. That is this module, so that copies of the network,
    which evaluation makes, stay eager.
    """

    def __init__(self, network: nn.Module, placement: Placement) -> None:
        super().__init__()
        self.network, self.placement = network, placement
        self.latest: Tensor | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        # a graph must not hold casts that autocast keeps between calls
        with torch.autocast(
            self.placement.device.type, torch.bfloat16, enabled=self.placement.bf16, cache_enabled=False
        ):
            logits: Tensor = self.network(inputs)
        self.latest = logits.float()
        return self.latest


def capture_graphs(network: nn.Module, shape: Sequence[int], placement: Placement) -> Callable[[Tensor], Tensor]:
    """Training-mode logits `(n, classes)` in fp32, with forward and backward pass replayed as CUDA graphs.

    Capture runs the network a few times on zeros; running statistics and random state are put back as they were.
    Every replay writes the gradients into the same memory: `zero_grad(set_to_none=True)` must come before each backward pass,
    and gradients of two passes cannot be added up, which would double the second without an error.

    Args:
        network: on the device, in its memory format.
        shape: of the batches, `(n, channels, side, side)`.
    """
    layout = torch.channels_last if placement.channels_last else torch.contiguous_format
    example = torch.zeros(tuple(shape), device=placement.device).contiguous(memory_format=layout)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    was_training = network.training
    inner = AutocastNetwork(network, placement).train()
    with torch.random.fork_rng(devices=[placement.device]):
        replay = cast("Callable[[Tensor], Tensor]", torch.cuda.make_graphed_callables(inner, (example,)))
    if inner.latest is not None:
        # its history would keep where gradients are added on the stream of the capture: each backward pass went there
        inner.latest.detach_()
        inner.latest = None
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
    for parameter in network.parameters():
        parameter.grad = None
    network.train(was_training)
    return lambda inputs: replay(inputs.contiguous(memory_format=layout))


def fitting(free: int, each: int, total: int, cores: int) -> int:
    """Runs side by side on one device.

    Args:
        free: bytes of the device that are not in use.
        each: bytes that torch reserved for the largest run, as measured.
        total: runs of the grid.
        cores: of the host; each run keeps one busy.
    """
    return max(1, min(int(_FILL * free / (each + _CONTEXT)), total, cores))
