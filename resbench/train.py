"""train(run) -> Record: one plain loop, which knows one run and nothing of grids."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import math
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from resbench import checkpoint
from resbench.augment import AUGMENTS
from resbench.checkpoint import State
from resbench.config import UserError
from resbench.data import DATASETS, Images, Pixels, load_test, load_train
from resbench.device import Placement, peak_memory, place, provenance, settle
from resbench.model import build, measure
from resbench.model.fold import folded
from resbench.recipe import LOSSES, OPTIMIZERS, RecipeConfig
from resbench.record import SCHEMA, Record, pack
from resbench.run_config import RunConfig

# Called after every step with the epochs done, as a fraction; raises Stopped to end the run.
Progress = Callable[[float], None]
EVALUATION_BATCH = 250
_CHECK_EVERY = 50  # steps between looks at the loss: a look waits for the device


class Stopped(Exception):
    """Raised by a progress callback: leave now, the checkpoint of the last epoch stays."""


class Diverged(Exception):
    """The loss is no longer a finite number.

    Args:
        step: the first such step, counted from 0 over the whole run.
        last: the loss of the step before, or None.
    """

    def __init__(self, step: int, last: float | None) -> None:
        self.step, self.last = step, last
        super().__init__(f"the loss was not finite at step {step}; the last finite loss was {last}")


def train(
    run: RunConfig,
    directory: Path,
    device: torch.device | None = None,
    threads: int | None = None,
    saved: Path | None = None,
    progress: Progress = lambda done: None,
    code: tuple[str | None, bool] | None = None,
) -> Record:
    """Train and test one run.

    Args:
        run: what to do.
        directory: torchvision data root.
        device: where; the CPU by default.
        threads: of torch on a CPU; a run that continues keeps the number it started with.
        saved: the checkpoint file to continue from and to keep up to date, if any.
        progress: told after every step; Stopped, raised by it, ends the run and leaves the checkpoint.
        code: revision of the code and whether it was changed, for the record; looked up by default.

    Returns:
        The record: ok, diverged, or failed with the traceback. Wrong or missing data raises UserError instead.
    """
    device = device or torch.device("cpu")
    before, warning = checkpoint.load(saved, run.id) if saved else (None, "")
    placement = placed(run, device, before["threads"] if before else threads or torch.get_num_threads())
    settle(placement)
    began = time.perf_counter()
    record = empty(run, "ok", provenance(placement, code), None)
    if warning:
        record["provenance"]["warning"] = warning
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            _fill(record, run, directory, placement, saved, before, progress)
    except (UserError, Stopped):
        raise
    except Exception as error:
        memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        record["status"] = "failed"
        record["error"] = {
            "kind": "out of memory" if memory else type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exc(),
        }
    record["metrics"]["run_seconds"] = round(time.perf_counter() - began, 3)  # since the last start, if interrupted
    return record


def empty(run: RunConfig, status: str, where: dict[str, Any], error: dict[str, Any] | None) -> Record:
    """A record without results."""
    return {
        "schema": SCHEMA,
        "id": run.id,
        "config": run.model_dump(mode="json"),
        "status": status,
        "metrics": {},
        "history": [],
        "predictions": None,
        "weights_sha256": None,
        "provenance": where,
        "error": error,
    }


def _fill(
    record: Record,
    run: RunConfig,
    directory: Path,
    placement: Placement,
    saved: Path | None,
    before: dict[str, Any] | None,
    progress: Progress,
) -> None:
    training, validation, pixels = load_train(run.data, directory, placement.device)
    record["provenance"]["data_sha256"] = training.sha256
    source = DATASETS[run.data.name]
    size = measure(run.model, source.channels, source.size, source.classes)
    record["metrics"] = {"parameters": size["parameters"], "flops": size["flops"]}
    state = initial(run, placement)
    if before:
        state.restore(before)
    record["history"] = state.history
    try:
        while state.epoch < run.recipe.epochs:
            _one_epoch(run, state, training, validation, pixels, placement, progress)
            if saved:
                checkpoint.save(saved, run.id, state.epoch, state.dump(placement.threads))
    except Diverged as diverged:
        record["status"] = "diverged"
        record["error"] = {
            "kind": "diverged",
            "message": str(diverged),
            "step": diverged.step,
            "last_loss": diverged.last,
        }
        _summarise(record, run, state, len(training), placement)
        return
    if state.best:
        state.network.load_state_dict(state.best["network"])
    _summarise(record, run, state, len(training), placement)
    record["weights_sha256"] = _weights_sha256(state.network)
    # The only place where a test image is seen: training is over, and nothing below changes the network.
    test = load_test(run.data, directory, placement.device)
    _, _, predicted = evaluate(state.network, test, pixels, placement)
    wrong = int((predicted != test.labels.cpu()).sum())
    record["metrics"] |= {"test_accuracy": 1 - wrong / len(test), "test_error": wrong / len(test)}
    record["predictions"] = pack(predicted.numpy(), test.labels.cpu().numpy())
    record["provenance"]["test_sha256"] = test.sha256


def placed(run: RunConfig, device: torch.device, threads: int) -> Placement:
    """How a run computes on a device."""
    return place(device, threads, run.recipe.precision, run.model.width)


def initial(run: RunConfig, placement: Placement) -> State:
    """The network and optimizer of a run before its first step."""
    source = DATASETS[run.data.name]
    torch.manual_seed(run.stream("init"))
    network: nn.Module = build(run.model, source.channels, source.size, source.classes)
    layout = torch.channels_last if placement.channels_last else torch.contiguous_format
    network = network.to(placement.device, memory_format=layout)  # type: ignore[call-overload]
    fused = {"fused": True} if placement.device.type == "cuda" else {}
    return State(network, OPTIMIZERS[run.recipe.optimizer](network.parameters(), run.recipe, **fused))


def _one_epoch(
    run: RunConfig,
    state: State,
    training: Images,
    validation: Images,
    pixels: Pixels,
    placement: Placement,
    progress: Progress,
) -> None:
    began = time.perf_counter()
    steps = -(-len(training) // run.recipe.batch_size)
    first = state.epoch * steps
    losses = torch.full((steps,), float("nan"), device=placement.device)
    right = torch.zeros((), dtype=torch.int64, device=placement.device)
    weights = torch.zeros(steps)
    state.network.train()
    torch.manual_seed(run.stream("dropout", state.epoch))
    rate = 0.0
    for step, (images, labels) in enumerate(_batches(run, state.epoch, training)):
        rate = run.recipe.lr_at(first + step, steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        logits, loss = update(state, run.recipe, pixels(images), labels, placement)
        with torch.no_grad():
            losses[step] = functional.cross_entropy(logits, labels) if run.recipe.loss != "mean" else loss
            right += (logits.argmax(1) == labels).sum()
        weights[step] = len(labels)
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == steps:
            _check(losses[: step + 1], first, state)
        progress(state.epoch + (step + 1) / steps)
    row: dict[str, Any] = {"epoch": state.epoch + 1, "lr": rate}
    row["train_loss"] = float((losses.cpu().double() * weights).sum() / weights.sum())
    row["train_accuracy"] = int(right) / len(training)
    train_seconds = time.perf_counter() - began
    if len(validation):
        val_loss, accuracy, _ = evaluate(state.network, validation, pixels, placement)
        row |= {"val_loss": val_loss if math.isfinite(val_loss) else None, "val_accuracy": accuracy}
    row["seconds"] = round(train_seconds, 4)
    state.epoch += 1
    state.seconds += train_seconds
    state.history.append(row)
    if run.recipe.select == "best_val" and (state.best is None or row["val_accuracy"] > state.best["val_accuracy"]):
        weights_now = copy.deepcopy(state.network.state_dict())
        state.best = {"epoch": state.epoch, "val_accuracy": row["val_accuracy"], "network": weights_now}


def update(
    state: State, recipe: RecipeConfig, inputs: Tensor, labels: Tensor, placement: Placement
) -> tuple[Tensor, Tensor]:
    """One step of the optimizer on a batch; returns the logits `(n, classes)` and the loss before it."""
    logits = forward(state.network, inputs, placement)
    loss = LOSSES[recipe.loss](logits, labels, recipe.label_smoothing)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.grad_clip != "none":
        nn.utils.clip_grad_norm_(state.network.parameters(), float(recipe.grad_clip))
    state.optimizer.step()
    return logits, loss


def _batches(run: RunConfig, epoch: int, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented batches of an epoch; order and augmentation have streams of their own, so neither moves the other."""
    device = images.labels.device
    order = torch.arange(len(images), device=device)
    if run.data.order == "shuffle":
        shuffle = Generator().manual_seed(run.stream("order", epoch))
        order = torch.randperm(len(images), generator=shuffle).to(device)
    change = Generator(device).manual_seed(run.stream("augment", epoch))
    for chosen in torch.split(order, run.recipe.batch_size):
        yield AUGMENTS[run.data.augment](images.images[chosen], change), images.labels[chosen]


def forward(network: nn.Module, inputs: Tensor, placement: Placement) -> Tensor:
    """Logits `(n, classes)` in fp32 of normalised images `(n, channels, side, side)`."""
    if placement.channels_last:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.autocast(placement.device.type, torch.bfloat16, enabled=placement.bf16):
        logits: Tensor = network(inputs)
    return logits.float()


def _check(losses: Tensor, first: int, state: State) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        step = int(bad[0])
        last = float(losses[step - 1]) if step else (state.history[-1]["train_loss"] if state.history else None)
        raise Diverged(first + step, last)


def inference(network: nn.Module, placement: Placement) -> Callable[[Tensor], Tensor]:
    """The network as a function from normalised images to logits: batch norm folded, channels last everywhere.

    Without a backward pass channels last is the faster format on a CPU at every width that was measured (8 and 16).
    """
    placement = dataclasses.replace(placement, channels_last=True)
    twin = folded(network).to(memory_format=torch.channels_last)
    return lambda inputs: forward(twin, inputs, placement)


def evaluate(network: nn.Module, images: Images, pixels: Pixels, placement: Placement) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy, and predicted classes `(n,)` on the CPU."""
    classify = inference(network, placement)
    losses, predicted = [], []
    with torch.inference_mode():
        for start in range(0, len(images), EVALUATION_BATCH):
            logits = classify(pixels(images.images[start : start + EVALUATION_BATCH]))
            labels = images.labels[start : start + EVALUATION_BATCH]
            losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
            predicted.append(logits.argmax(1))
        classes = torch.cat(predicted)
        accuracy = int((classes == images.labels).sum()) / len(images)
    return float(torch.stack(losses).double().sum() / len(images)), accuracy, classes.cpu()


def _summarise(record: Record, run: RunConfig, state: State, images: int, placement: Placement) -> None:
    epoch = state.best["epoch"] if state.best else len(state.history)
    row = state.history[epoch - 1] if state.history else {}
    kept = {key: row[key] for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy") if key in row}
    record["metrics"] |= kept | {"epoch": epoch, "train_seconds": round(state.seconds, 3)}
    if state.seconds:
        record["metrics"]["images_per_second"] = round(images * state.epoch / state.seconds, 1)
    record["metrics"]["peak_memory"] = peak_memory(placement.device)


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()
