"""train(run) -> Record: one plain loop, which knows one run and nothing of grids."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from resbench.core.errors import Unwritable, UserError
from resbench.core.files import user_path
from resbench.core.version import Revision
from resbench.data.loading import Images, load_test, load_train
from resbench.records.record import Predictions, Provenance, Record, RunError, Status
from resbench.training import checkpoint
from resbench.training.checkpoint import SavedState, State
from resbench.training.device import Placement, apply_placement
from resbench.training.epoch import Diverged, Setup, Stopped, check_finite, one_epoch
from resbench.training.growth import at_depth, depth_in, grow, start_state
from resbench.training.memory import is_out_of_memory, peaks, release, start_measuring
from resbench.training.observer import Moment, Observer, View
from resbench.training.provenance import arithmetic, provenance
from resbench.training.run import RunConfig
from resbench.training.step import BACKWARD, Step, evaluate, placement_of, stepper

_COMPARED = 16  # images on which a network that grows must compute the same as before
_SAVE_EVERY = {"cuda": 10.0}  # seconds; an epoch of a small network takes less than its checkpoint there
_UNWATCHED = Observer()


def train(
    run: RunConfig,
    directory: str | Path,
    device: torch.device | None = None,
    threads: int | None = None,
    saved: Path | None = None,
    observer: Observer = _UNWATCHED,
    code: Revision | None = None,
    tested: bool = True,
    save_every: float | None = None,
) -> Record:
    """Train and test one run.

    Example:
        >>> run = resbench.RunConfig.model_validate(
        ...     {"model": {"depth": 10, "width": 4}, "data": {"train_size": 256}, "recipe": {"epochs": 1}}
        ... )
        >>> record = resbench.train(run, Path("data"), threads=1)
        >>> record.status, len(record.history)
        ('ok', 1)

    Args:
        run: what to do.
        directory: torchvision data root.
        device: where; the CPU by default.
        threads: of torch on a CPU; a run that continues keeps the number it started with.
        saved: the checkpoint file to continue from and to keep up to date, if any.
        observer: watches the run and may stop it; training is the same with and without.
        code: revision of the code and whether it was changed, for the record; looked up by default.
        tested: False leaves the test set alone: nothing that chooses a recipe may see it.
        save_every: least number of seconds between the checkpoints of two epochs; by default 0, on a GPU 10.

    Returns:
        The record: ok, diverged, or failed with the traceback. Wrong or missing data raises UserError instead.
    """
    device = device or torch.device("cpu")
    start_measuring(device)
    save_every = _SAVE_EVERY.get(device.type, 0.0) if save_every is None else save_every
    placement = placement_of(run, device, threads or torch.get_num_threads())
    facts = provenance(placement, code)
    start = _resume(run, saved, placement, arithmetic(facts), observer)
    apply_placement(start.placement)
    began = time.perf_counter()
    facts = facts.with_facts(threads=start.placement.threads)
    record = empty_record(run, "ok", facts.with_facts(warning=start.warning) if start.warning else facts)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            _Training(run, user_path(directory), saved, save_every, observer, record).complete(start, tested)
    except (UserError, Stopped, Unwritable):
        raise
    except Exception as error:
        record.status = "failed"
        record.error = RunError(
            "out of memory" if is_out_of_memory(error) else type(error).__name__,
            str(error) or type(error).__name__,
            {"traceback": traceback.format_exc()},
        )
    release(device)
    record.metrics["run_seconds"] = round(time.perf_counter() - began, 3)  # since the last start, if interrupted
    return record


def empty_record(run: RunConfig, status: Status, provenance: Provenance, error: RunError | None = None) -> Record:
    """A record without results."""
    return Record(run.id, run.model_dump(mode="json"), status, provenance, error=error)


@dataclass(frozen=True)
class _Start:
    """Where a run begins.

    Attributes:
        saved: the state to continue from; None at the very beginning.
        warning: why a checkpoint was not used; empty otherwise.
    """

    placement: Placement
    saved: SavedState | None = None
    warning: str = ""


def _resume(
    run: RunConfig, path: Path | None, placement: Placement, current: dict[str, str], observer: Observer
) -> _Start:
    """Continue from the checkpoint if it is whole, was watched as asked, and was computed with the same arithmetic."""
    saved, warning = checkpoint.load(path, run.id) if path else (None, "")
    if saved is None:
        return _Start(placement, warning=warning)
    missing = observer.missing(saved.get("probes", {}))
    if missing:
        warning = f"{path}: begun without the probes {', '.join(missing)}: the run starts over"
        return _Start(placement, warning=warning)
    if current != saved["arithmetic"]:
        warning = f"{path}: begun {_difference(saved['arithmetic'], current)}: the run starts over"
        return _Start(placement, warning=warning)
    return _Start(dataclasses.replace(placement, threads=saved["threads"]), saved)


def _difference(before: dict[str, str], now: dict[str, str]) -> str:
    """`with cpu fp32, cpu_capability AVX512, and here it is cpu fp32, cpu_capability DEFAULT`."""
    names = [name for name in now if name not in ("device", "precision") and before.get(name) != now[name]]

    def words(facts: dict[str, str]) -> str:
        parts = [f"{name} {facts.get(name) or 'unknown'}" for name in names]
        return ", ".join([f"{facts.get('device')} {facts.get('precision')}", *parts])

    return f"with {words(before)}, and here it is {words(now)}"


class _Training:
    """One run on its way from its first step, or a checkpoint, to its record."""

    setup: Setup
    state: State

    def __init__(
        self,
        run: RunConfig,
        directory: Path,
        saved: Path | None,
        save_every: float,
        observer: Observer,
        record: Record,
    ) -> None:
        self.run, self.directory, self.observer, self.record = run, directory, observer, record
        self.saved, self.save_every, self.saved_at = saved, save_every, time.monotonic()

    def complete(self, start: _Start, tested: bool) -> None:
        """Train, test, and fill the record."""
        record, observer = self.record, self.observer
        training, validation, normalizer = load_train(self.run.data, self.directory, start.placement.device)
        self.setup = Setup(self.run, start.placement, training, validation, normalizer)
        record.provenance = record.provenance.with_facts(data_sha256=training.sha256)
        size = self.run.network_size
        record.metrics = {"parameters": size["parameters"], "flops": size["flops"]}
        saved = self._of_these_images(start.saved)
        self.state = state = start_state(self.run, start.placement, saved)
        record.history = state.history
        try:
            if not saved:
                self._look("trained", training)
            for _ in self._epochs():
                self._look("trained", training)
                self._end_epoch()
            check_finite(state)
            if state.best:
                state.network.load_state_dict(state.best.network)
            self._summarise()
            self._look("ended", training)
            if tested:
                self._look("tested", self._test())
                observer.write(record, state.probes)
            record.weights_sha256 = _weights_sha256(state.network)
        except Diverged as diverged:
            record.status = "diverged"
            details = {"step": diverged.step, "last_loss": diverged.last}
            record.error = RunError("diverged", str(diverged), details)
            self._summarise()
            observer.write(record, state.probes)

    def _of_these_images(self, saved: SavedState | None) -> SavedState | None:
        """The state to continue from, or None if it was trained on other images."""
        now = self.setup.training.sha256
        before = saved.get("data_sha256", now) if saved else now
        if before == now:
            return saved
        warning = f"{self.saved}: begun with the data {before[:12]}, and here they are {now[:12]}: the run starts over"
        self.record.provenance = self.record.provenance.with_facts(warning=warning)
        return None

    def _epochs(self) -> Iterator[None]:
        """Train; yields after each epoch. A run that is stopped in the middle of one keeps its state."""
        setup, state = self.setup, self.state
        step: Step | None = None
        while state.epoch < self.run.recipe.epochs:
            inputs = setup.normalizer(setup.training.images[:_COMPARED])
            if grow(state, self.run, setup.placement, inputs):
                step = None  # it holds the shallower network and its graph
                release(setup.placement.device)
            step = step or stepper(state, self.run, setup.placement)
            try:
                one_epoch(setup, state, step, self.observer.step)
            except Stopped as stopped:
                if stopped.keep:
                    self._save()
                raise
            yield

    def _end_epoch(self) -> None:
        """Save what the epoch left if that is due, and tell the observer, which may stop the run here."""
        due = self.state.epoch == self.run.recipe.epochs or time.monotonic() >= self.saved_at + self.save_every
        if due:
            self._save()
        try:
            self.observer.epoch(self.state.history)
        except Stopped as stopped:
            if stopped.keep and not due:
                self._save()
            raise

    def _save(self) -> None:
        self.saved_at = time.monotonic()
        if self.saved:
            state = self.state.dump(self.record.provenance)
            checkpoint.save(self.saved, self.run.id, self.state.epoch, state)

    def _look(self, when: Moment, images: Images) -> None:
        setup, state = self.setup, self.state
        view = View(self.run, state.network, images, setup.normalizer, setup.placement, state.epoch, state.probes)
        self.observer.look(when, view)

    def _test(self) -> Images:
        """The only place where a test image is seen: training is over, and nothing here changes the network."""
        setup, state, record = self.setup, self.state, self.record
        test = load_test(self.run.data, self.directory, setup.placement.device)
        loss, _, predicted = evaluate(state.network, test, setup.normalizer, setup.placement)
        if not math.isfinite(loss):
            raise Diverged(None, state.history[-1]["train_loss"])
        wrong = int((predicted != test.labels.cpu()).sum())
        record.metrics |= {"test_accuracy": 1 - wrong / len(test), "test_error": wrong / len(test)}
        record.predictions = Predictions.of(predicted.numpy(), test.labels.cpu().numpy())
        record.provenance = record.provenance.with_facts(test_sha256=test.sha256)
        return test

    def _summarise(self) -> None:
        """Put what training reached, and what it cost, into the metrics."""
        state, metrics, images = self.state, self.record.metrics, len(self.setup.training)
        epoch = state.best.epoch if state.best else len(state.history)
        row = state.history[epoch - 1] if state.history else {}
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        metrics |= {name: row[name] for name in names if name in row}
        metrics |= {"epoch": epoch, "train_seconds": round(state.seconds, 3)}
        flops = (at_depth(self.run, depth_in(self.run, done)).network_size["flops"] for done in range(state.epoch))
        metrics["training_flops"] = BACKWARD * images * sum(flops)
        if state.seconds:
            metrics["images_per_second"] = round(images * state.epoch / state.seconds, 1)
        metrics |= peaks(self.setup.placement.device)


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()
