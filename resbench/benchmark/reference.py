"""Models that a reader knows, measured next to a study's own: ResNet-18 as torchvision and timm build it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from resbench.benchmark.machine import machine_metrics
from resbench.benchmark.measure import (
    bench_id,
    dated,
    inference_metrics,
    is_current,
    replace_record,
    rounded,
)
from resbench.core.version import Revision
from resbench.model import tally
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.training.cuda import capture_graphs
from resbench.training.device import Placement, apply_placement, choose, peak_memory, resolve_placement
from resbench.training.provenance import provenance
from resbench.training.server import fresh_processes
from resbench.training.step import forward
from resbench.training.timing import Protocol, rates, steady

BATCH = 32
SHAPE = (3, 224, 224)  # of ImageNet, for which they were made
_CLASSES = 1000
_WIDTH = 64  # channels of their first stage


def _torchvision() -> nn.Module:
    from torchvision.models import resnet18

    network: nn.Module = resnet18(weights=None)
    return network


def _timm(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import timm

        network: nn.Module = timm.create_model(name, pretrained=False)
        return network

    return make


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "torchvision resnet18": _torchvision,
    "timm resnet18": _timm("resnet18"),
    "timm resnet10t": _timm("resnet10t"),
}


def available() -> list[str]:
    """Names whose library is installed; timm comes with the extra `timm`."""
    return [name for name in REFERENCES if importlib.util.find_spec(name.split()[0])]


def missing() -> list[str]:
    """Libraries that are not installed, whose models are left out."""
    return sorted({name.split()[0] for name in REFERENCES if name not in available()})


def measure_reference(name: str, protocol: Protocol, code: Revision | None = None) -> Record:
    """Measure one reference model in batches of 32 images of 3 x 224 x 224, trained by SGD with momentum.

    Returns:
        A record of kind `bench` that belongs to no run: `run` is None, `config` names the model.
    """
    placement = _placement(protocol)
    apply_placement(placement)
    size = tally(REFERENCES[name], SHAPE)
    layout = torch.channels_last if placement.channels_last else torch.contiguous_format
    network: nn.Module = REFERENCES[name]().to(placement.device, memory_format=layout)  # type: ignore[call-overload]
    on_cuda = placement.device.type == "cuda"
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True, fused=on_cuda or None)
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, *SHAPE, generator=draw).to(placement.device)
    labels = torch.randint(0, _CLASSES, (BATCH,), generator=draw).to(placement.device)

    def eager(inputs: Tensor) -> Tensor:
        return forward(network, inputs, placement)

    compute = capture_graphs(network, images.shape, placement) if on_cuda else eager  # as a run of a study

    def step() -> None:
        loss = functional.cross_entropy(compute(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    metrics: dict[str, float] = {"parameters": size["parameters"], "flops": size["flops"]}
    metrics |= rates("train_images_per_second", BATCH, steady(step, placement, protocol))
    metrics |= inference_metrics(network, images, placement, protocol)
    metrics["peak_memory"] = peak_memory(placement.device)
    metrics |= machine_metrics(size, metrics["train_images_per_second"], placement)
    facts = dated(provenance(placement, code))
    return Record(
        bench_id(name, facts),
        {"known": name, "batch_size": BATCH, "image": list(SHAPE)},
        "ok",
        facts,
        metrics=rounded(metrics),
        kind="bench",
    )


def measure_references(
    store: Store, protocol: Protocol, code: Revision, fresh: bool = False
) -> Iterator[tuple[str, Record]]:
    """Measure each reference model that has no record of this machine, code and torch, and yield its name and record.

    Args:
        store, code, fresh: as for `measure.measure_runs`.
    """
    with fresh_processes() as pool:
        for name in available():
            facts = provenance(_placement(protocol), code)
            record = None if fresh else store.read(bench_id(name, facts))
            if record is None or not is_current(record, facts):
                record = pool.submit(measure_reference, name, protocol, code).result()
                replace_record(store, record)
            yield name, record


def _placement(protocol: Protocol) -> Placement:
    return resolve_placement(choose(protocol.device), protocol.threads, "auto", _WIDTH)
