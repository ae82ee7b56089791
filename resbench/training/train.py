"""train(run) -> Record: one plain loop, which knows one run and nothing of grids."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resbench.core.config import UserError
from resbench.core.errors import Unwritable
from resbench.data.loading import DATASETS, Images, Pixels, load_test, load_train
from resbench.model import measure
from resbench.probes import observer as probing
from resbench.records.record import SCHEMA, Record, pack
from resbench.training import checkpoint
from resbench.training.checkpoint import State
from resbench.training.device import Placement, arithmetic, peak_memory, provenance, settle
from resbench.training.epoch import Diverged, Progress, Stopped, check_finite, one_epoch
from resbench.training.growth import at_depth, depth_in, grow, started
from resbench.training.run import RunConfig
from resbench.training.step import BACKWARD, Step, evaluate, placed, stepper

_COMPARED = 16  # images on which a network that grows must compute the same as before
# Called after every epoch, once its checkpoint is written, with the history so far; may raise Stopped too.
Ended = Callable[[list[dict[str, Any]]], None]


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
        progress: told after every step; Stopped, raised by it, ends the run and keeps its state in the checkpoint.
        code: revision of the code and whether it was changed, for the record; looked up by default.
        probes: names from `probe.PROBES`; training is the same with and without.
        ended: told after every epoch; Stopped, raised by it, ends the run and leaves the checkpoint.
        tested: False leaves the test set alone: nothing that chooses a recipe may see it.

    Returns:
        The record: ok, diverged, or failed with the traceback. Wrong or missing data raises UserError instead.
    """
    device = device or torch.device("cpu")
    before, warning = checkpoint.load(saved, run.id) if saved else (None, "")
    if before and (unseen := probing.lacking(probes, before.get("probes", {}))):
        before, warning = None, f"{saved}: begun without the probes {', '.join(unseen)}: the run starts over"
    placement = placed(run, device, threads or torch.get_num_threads())
    if before and (here := arithmetic(placement)) != before["arithmetic"]:
        begun, now = (" ".join(map(_word, one.items())) for one in (before["arithmetic"], here))
        before, warning = None, f"{saved}: begun with {begun}, and here it is {now}: the run starts over"
    if before:
        placement = dataclasses.replace(placement, threads=before["threads"])
    settle(placement)
    began = time.perf_counter()
    record = empty(run, "ok", provenance(placement, code), None)
    if warning:
        record["provenance"]["warning"] = warning
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            _fill(record, run, directory, placement, saved, before, progress, probes, ended, tested)
    except (UserError, Stopped, Unwritable):
        raise
    except Exception as error:
        memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        record["status"] = "failed"
        record["error"] = {
            "kind": "out of memory" if memory else type(error).__name__,
            "message": str(error) or type(error).__name__,
            "traceback": traceback.format_exc(),
        }
    record["metrics"]["run_seconds"] = round(time.perf_counter() - began, 3)  # since the last start, if interrupted
    return record


def _word(fact: tuple[str, Any]) -> str:
    name, value = fact
    return str(value) if isinstance(value, str) else f"{name}={value}"


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
        probing.look(when, probes, run, state.network, images, pixels, placement, state.epoch, state.probes)

    try:
        if not before:
            look("trained", training)
        for _ in _epochs(state, run, placement, saved, training, validation, pixels, progress):
            look("trained", training)
            if saved:
                checkpoint.save(saved, run.id, state.epoch, state.dump(placement))
            ended(state.history)
        check_finite(state)
        if state.best:
            state.network.load_state_dict(state.best["network"])
        _summarise(record, run, state, len(training), placement)
        look("ended", training)
        if tested:
            test = _test(record, run, directory, state, pixels, placement)
            look("tested", test)
            probing.write(record, probes, state.probes)
        record["weights_sha256"] = _weights_sha256(state.network)
    except Diverged as diverged:
        record["status"] = "diverged"
        record["error"] = {
            "kind": "diverged",
            "message": str(diverged),
            "step": diverged.step,
            "last_loss": diverged.last,
        }
        _summarise(record, run, state, len(training), placement)
        probing.write(record, probes, state.probes)


def _epochs(
    state: State,
    run: RunConfig,
    placement: Placement,
    saved: Path | None,
    training: Images,
    validation: Images,
    pixels: Pixels,
    progress: Progress,
) -> Iterator[None]:
    """Train; yields after each epoch. A run that is stopped in the middle of one keeps its state."""
    step: Step | None = None
    while state.epoch < run.recipe.epochs:
        if grow(state, run, placement, pixels(training.images[:_COMPARED])) or step is None:
            step = stepper(state, run, placement)
        try:
            one_epoch(run, state, step, training, validation, pixels, placement, progress)
        except Stopped as stopped:
            if saved and stopped.keep:
                checkpoint.save(saved, run.id, state.epoch, state.dump(placement))
            raise
        yield


def _test(
    record: Record, run: RunConfig, directory: Path, state: State, pixels: Pixels, placement: Placement
) -> Images:
    """The only place where a test image is seen: training is over, and nothing here changes the network."""
    test = load_test(run.data, directory, placement.device)
    loss, _, predicted = evaluate(state.network, test, pixels, placement)
    if not math.isfinite(loss):
        raise Diverged(None, state.history[-1]["train_loss"])
    wrong = int((predicted != test.labels.cpu()).sum())
    record["metrics"] |= {"test_accuracy": 1 - wrong / len(test), "test_error": wrong / len(test)}
    record["predictions"] = pack(predicted.numpy(), test.labels.cpu().numpy())
    record["provenance"]["test_sha256"] = test.sha256
    return test


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
