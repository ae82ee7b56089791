"""train(run) -> Record: one plain loop, which knows one run and nothing of grids."""

from __future__ import annotations

import copy
import hashlib
import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from resbench import checkpoint, probe
from resbench.augment import AUGMENTS
from resbench.checkpoint import State
from resbench.config import UserError
from resbench.data import DATASETS, Images, Pixels, load_test, load_train
from resbench.device import Placement, peak_memory, provenance, settle
from resbench.grow import at_depth, depth_in, grow, started
from resbench.model import measure
from resbench.record import SCHEMA, Record, pack
from resbench.run_config import RunConfig
from resbench.step import BACKWARD, Step, evaluate, placed, stepper

# Called after every step with the epochs done, as a fraction; raises Stopped to end the run.
Progress = Callable[[float], None]
_COMPARED = 16  # images on which a network that grows must compute the same as before
# Called after every epoch, once its checkpoint is written, with the history so far; may raise Stopped too.
Ended = Callable[[list[dict[str, Any]]], None]
_CHECK_EVERY = 50  # steps between looks at the loss on a CPU; elsewhere a look would wait for the device


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
    probes: Sequence[str] = (),
    ended: Ended = lambda history: None,
    tested: bool = True,
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
        probes: names from `probe.PROBES`; training is the same with and without.
        ended: told after every epoch; Stopped, raised by it, ends the run and leaves the checkpoint.
        tested: False leaves the test set alone: nothing that chooses a recipe may see it.

    Returns:
        The record: ok, diverged, or failed with the traceback. Wrong or missing data raises UserError instead.
    """
    device = device or torch.device("cpu")
    before, warning = checkpoint.load(saved, run.id) if saved else (None, "")
    if before and (unseen := probe.lacking(probes, before.get("probes", {}))):
        before, warning = None, f"{saved}: begun without the probes {', '.join(unseen)}: the run starts over"
    placement = placed(run, device, before["threads"] if before else threads or torch.get_num_threads())
    settle(placement)
    began = time.perf_counter()
    record = empty(run, "ok", provenance(placement, code), None)
    if warning:
        record["provenance"]["warning"] = warning
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            _fill(record, run, directory, placement, saved, before, progress, probes, ended, tested)
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
    probes: Sequence[str],
    ended: Ended,
    tested: bool,
) -> None:
    training, validation, pixels = load_train(run.data, directory, placement.device)
    record["provenance"]["data_sha256"] = training.sha256
    source = DATASETS[run.data.name]
    size = measure(run.model, source.channels, source.size, source.classes)
    record["metrics"] = {"parameters": size["parameters"], "flops": size["flops"]}
    state = started(run, placement, before)
    record["history"] = state.history

    def look(when: str, images: Images) -> None:
        probe.look(when, probes, run, state.network, images, pixels, placement, state.epoch, state.probes)

    step: Step | None = None
    try:
        if not before:
            look("trained", training)
        while state.epoch < run.recipe.epochs:
            if grow(state, run, placement, pixels(training.images[:_COMPARED])) or step is None:
                step = stepper(state, run, placement)
            _one_epoch(run, state, step, training, validation, pixels, placement, progress)
            look("trained", training)
            if saved:
                checkpoint.save(saved, run.id, state.epoch, state.dump(placement.threads))
            ended(state.history)
    except Diverged as diverged:
        record["status"] = "diverged"
        record["error"] = {
            "kind": "diverged",
            "message": str(diverged),
            "step": diverged.step,
            "last_loss": diverged.last,
        }
        _summarise(record, run, state, len(training), placement)
        probe.write(record, probes, state.probes)
        return
    if state.best:
        state.network.load_state_dict(state.best["network"])
    _summarise(record, run, state, len(training), placement)
    record["weights_sha256"] = _weights_sha256(state.network)
    look("ended", training)
    if not tested:
        return
    # The only place where a test image is seen: training is over, and nothing below changes the network.
    test = load_test(run.data, directory, placement.device)
    _, _, predicted = evaluate(state.network, test, pixels, placement)
    wrong = int((predicted != test.labels.cpu()).sum())
    record["metrics"] |= {"test_accuracy": 1 - wrong / len(test), "test_error": wrong / len(test)}
    record["predictions"] = pack(predicted.numpy(), test.labels.cpu().numpy())
    record["provenance"]["test_sha256"] = test.sha256
    look("tested", test)
    probe.write(record, probes, state.probes)


def _one_epoch(
    run: RunConfig,
    state: State,
    step: Step,
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
    for number, (images, labels) in enumerate(_batches(run, state.epoch, training)):
        rate = run.recipe.lr_at(first + number, steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        logits, loss = step(pixels(images), labels)
        with torch.no_grad():
            losses[number] = functional.cross_entropy(logits, labels) if run.recipe.loss != "mean" else loss
            right += (logits.argmax(1) == labels).sum()
        weights[number] = len(labels)
        if number + 1 == steps or (placement.device.type == "cpu" and (number + 1) % _CHECK_EVERY == 0):
            _check(losses[: number + 1], first, state)
        progress(state.epoch + (number + 1) / steps)
    row: dict[str, Any] = {"epoch": state.epoch + 1, "lr": rate}
    if run.recipe.grow != "none":
        row["depth"] = depth_in(run, state.epoch)
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


def _check(losses: Tensor, first: int, state: State) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        step = int(bad[0])
        last = float(losses[step - 1]) if step else (state.history[-1]["train_loss"] if state.history else None)
        raise Diverged(first + step, last)


def _summarise(record: Record, run: RunConfig, state: State, images: int, placement: Placement) -> None:
    epoch = state.best["epoch"] if state.best else len(state.history)
    row = state.history[epoch - 1] if state.history else {}
    kept = {key: row[key] for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy") if key in row}
    record["metrics"] |= kept | {"epoch": epoch, "train_seconds": round(state.seconds, 3)}
    record["metrics"]["training_flops"] = BACKWARD * images * sum(_flops(run, epoch) for epoch in range(state.epoch))
    if state.seconds:
        record["metrics"]["images_per_second"] = round(images * state.epoch / state.seconds, 1)
    record["metrics"]["peak_memory"] = peak_memory(placement.device)


def _flops(run: RunConfig, epoch: int) -> int:
    """Of one image forward through the network as deep as it is in this epoch."""
    source = DATASETS[run.data.name]
    model = at_depth(run, depth_in(run, epoch)).model
    return measure(model, source.channels, source.size, source.classes)["flops"]


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()
