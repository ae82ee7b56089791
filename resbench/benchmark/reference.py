"""Models that a reader knows, measured beside a study's own: ResNet-18 as torchvision and timm build it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from resbench.benchmark.measure import alone, bench_id, of_the_machine, rounded
from resbench.model import tally
from resbench.records.record import SCHEMA, Record
from resbench.records.store import Store
from resbench.training.device import choose, peak_memory, place, provenance, settle
from resbench.training.step import forward, inference
from resbench.training.timing import Protocol, rates, timed

BATCH = 32
SHAPE = (3, 224, 224)  # of ImageNet, for which they were made
_CLASSES = 1000


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


KNOWN: dict[str, Callable[[], nn.Module]] = {
    "torchvision resnet18": _torchvision,
    "timm resnet18": _timm("resnet18"),
    "timm resnet10t": _timm("resnet10t"),
}


def available() -> list[str]:
    """Names whose library is installed; timm comes with the extra `timm`."""
    import importlib.util

    return [name for name in KNOWN if importlib.util.find_spec(name.split()[0])]


def measure(name: str, protocol: Protocol, code: tuple[str | None, bool] | None = None) -> Record:
    """Measure one known model in batches of 32 images of 3 x 224 x 224, trained by SGD with momentum.

    Returns:
        A record of kind `bench` that belongs to no run: `run` is None, `config` names the model.
    """
    placement = place(choose(protocol.device), protocol.threads, "auto", 64)
    settle(placement)
    size = tally(KNOWN[name], SHAPE)
    layout = torch.channels_last if placement.channels_last else torch.contiguous_format
    network: nn.Module = KNOWN[name]().to(placement.device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True)
    made = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, *SHAPE, generator=made).to(placement.device)
    labels = torch.randint(0, _CLASSES, (BATCH,), generator=made).to(placement.device)

    def step() -> None:
        loss = functional.cross_entropy(forward(network, images, placement), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    metrics: dict[str, float] = {"parameters": size["parameters"], "flops": size["flops"]}
    metrics |= rates("train_images_per_second", BATCH, timed(step, placement, protocol))
    classify = inference(network, placement)
    with torch.inference_mode():
        metrics |= rates("inference_images_per_second", BATCH, timed(lambda: classify(images), placement, protocol))
        one = images[:1]
        low, middle, high = statistics.quantiles(timed(lambda: classify(one), placement, protocol), n=4)
    metrics |= {"latency_ms": 1e3 * middle, "latency_ms_q1": 1e3 * low, "latency_ms_q3": 1e3 * high}
    metrics["peak_memory"] = peak_memory(placement.device)
    metrics |= of_the_machine(size, metrics["train_images_per_second"], placement)
    return _record(name, metrics, provenance(placement, code))


def measured_known(
    store: Store, protocol: Protocol, code: tuple[str | None, bool], fresh: bool = False
) -> Iterator[tuple[str, float]]:
    """Measure each known model that has no record of this machine, and yield its name and training throughput.

    Args:
        store, code, fresh: as for `bench.measured`.
    """
    with alone() as pool:
        for name in available():
            found = store.read(known_id(name, protocol))
            if fresh or found is None:
                found = pool.submit(measure, name, protocol, code).result()
                store.remove(found["id"])
                store.add(found)
            yield name, found["metrics"]["train_images_per_second"]


def known_id(name: str, protocol: Protocol) -> str:
    """Id that the record of a model has on this machine."""
    return bench_id(name, provenance(place(choose(protocol.device), protocol.threads, "auto", 64)))


def _record(name: str, metrics: dict[str, float], where: dict[str, Any]) -> Record:
    return {
        "schema": SCHEMA,
        "id": bench_id(name, where),
        "kind": "bench",
        "run": None,
        "config": {"known": name, "batch_size": BATCH, "image": list(SHAPE)},
        "status": "ok",
        "metrics": {key: rounded(value) for key, value in metrics.items()},
        "history": [],
        "predictions": None,
        "weights_sha256": None,
        "provenance": where,
        "error": None,
    }
