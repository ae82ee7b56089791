"""Loss and accuracy on the same images after every epoch, as bodies that a CUDA graph can hold.

One folded twin of the network is kept and refreshed in place, where `evaluate` copies and folds the network each time, which
takes ten times as long. The numbers are the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from resbench.model.fold import folded, refresh
from resbench.training.lean import CAST
from resbench.training.replay import Body, Kind
from resbench.training.step import EVALUATION_BATCH, Setup, forward


class Evaluation:
    """Do all of `works`, then read `result`.

    Args:
        network: whose tensors stay where they are.
    """

    def __init__(self, setup: Setup, network: nn.Module) -> None:
        full, rest = divmod(len(setup.validation), EVALUATION_BATCH)
        self._parts = _Parts(setup, network, full + bool(rest))
        batch = _Batch(self._parts, EVALUATION_BATCH, Kind.EVALUATION)
        last = [_Batch(self._parts, rest, Kind.LAST_EVALUATION)] if rest else []
        self._works: list[Body] = [_Refresh(self._parts), *[batch] * full, *last]

    def works(self) -> Iterator[Body]:
        """What has to be done, in this order."""
        yield from self._works

    def retire(self) -> None:
        """Let its graphs go."""
        for body in self._works:
            body.retired = True

    def result(self) -> tuple[float, float]:
        """Mean loss and accuracy; waits for the device."""
        parts, images = self._parts, len(self._parts.setup.validation)
        return float(parts.losses.cpu().double().sum() / images), int(parts.right) / images


class _Parts:
    """The tensors of an evaluation."""

    def __init__(self, setup: Setup, network: nn.Module, batches: int) -> None:
        self.setup, self.network = setup, network
        device = setup.placement.device
        self.placement = setup.placement.for_inference()
        self.twin = folded(network).to(memory_format=torch.channels_last)
        if self.placement.bf16:
            for module in self.twin.modules():
                if type(module) in CAST:  # a subclass may read its weights as they are
                    module.to(torch.bfloat16)  # as autocast would for every batch
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.losses = torch.zeros(batches, device=device)
        self.right = torch.zeros((), dtype=torch.int64, device=device)
        self.within = torch.arange(EVALUATION_BATCH, device=device)

    def lasting(self) -> list[Tensor]:
        return [self.counter, self.losses, self.right]


class _Refresh(Body):
    """Bring the twin up to date, and start counting."""

    def __init__(self, parts: _Parts) -> None:
        super().__init__(Kind.REFRESH)
        self._parts = parts

    def __call__(self) -> None:
        refresh(self._parts.twin, self._parts.network)
        self._parts.counter.zero_()
        self._parts.right.zero_()

    def lasting(self) -> list[Tensor]:
        return self._parts.lasting()


class _Batch(Body):
    """Evaluate the next images, so many."""

    def __init__(self, parts: _Parts, size: int, kind: Kind) -> None:
        super().__init__(kind)
        self._parts, self._size = parts, size

    @torch.inference_mode()
    def __call__(self) -> None:
        parts = self._parts
        validation = parts.setup.validation
        chosen = parts.counter * EVALUATION_BATCH + parts.within[: self._size]
        labels = validation.labels[chosen]
        logits = forward(parts.twin, parts.setup.normalizer(validation.images[chosen]), parts.placement)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        parts.losses.index_copy_(0, parts.counter, loss.reshape(1))
        parts.right.add_((logits.argmax(1) == labels).sum())
        parts.counter.add_(1)

    def lasting(self) -> list[Tensor]:
        return self._parts.lasting()
