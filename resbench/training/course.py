"""One run as a course of works: `train` does them one after the other, `train_together` those of several runs side by side."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import torch

from resbench.core.errors import Stopped, Unwritable, UserError
from resbench.core.json_reader import Json
from resbench.core.tables import named, own_values
from resbench.core.version import Revision
from resbench.data.loading import Images, dataset_facts, load_test
from resbench.records.curve import Curve, block_size
from resbench.records.record import Predictions, Provenance, Record, RunError, Status
from resbench.records.weights_file import sha256_of
from resbench.training import checkpoint
from resbench.training.checkpoint import BestEpoch, SavedState, State
from resbench.training.depths import at_depth, depth_in
from resbench.training.device import apply_placement
from resbench.training.epoch import Diverged, check_finite, one_epoch
from resbench.training.growth import grow, start_state
from resbench.training.kept import KeptWeights, arrays_of, keeps_best
from resbench.training.memory import is_out_of_memory, peaks, release
from resbench.training.observer import Moment, Observer, View
from resbench.training.placement import BACKWARD, Graph, placement_of
from resbench.training.program import Program, StepProgram, make_program
from resbench.training.provenance import arithmetic, provenance
from resbench.training.replay import Work
from resbench.training.resume import Start, find_start
from resbench.training.run import RunConfig
from resbench.training.step import Setup, evaluate
from resbench.training.tally import Tally
from resbench.training.workshop import Kit, Workshop

Course: TypeAlias = Generator[Work, None, Record]

_COMPARED = 16  # images on which a network that grows must compute the same as before


@dataclass(frozen=True)
class Job:
    """A run to train, with what it has of its own, as `train` takes it.

    Attributes:
        threads: in place of those of the conditions.
    """

    run: RunConfig
    saved: Path | None = None
    observer: Observer = field(default_factory=Observer)
    kept: KeptWeights | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Conditions:
    """What runs that are trained together have in common, as `train` takes it.

    Attributes:
        together: how many runs they are.
    """

    directory: Path
    device: torch.device
    threads: int
    code: Revision | None
    tested: bool
    save_every: float
    graph: Graph
    together: int = 1


def course(job: Job, conditions: Conditions, workshop: Workshop) -> Course:
    """A run as the works that have to be done for it, each before the next is asked for; returns its record.

    It seeds torch's default generators, and leaves them as they are at its end. What goes wrong with a work has to be
    thrown into it.

    Args:
        workshop: has the images for training and validation, and perhaps the program of an earlier run.
    """
    run = job.run
    placement = placement_of(run, conditions.device, job.threads or conditions.threads)
    facts = provenance(placement, conditions.code)
    best = keeps_best(run, job.kept)
    start = find_start(run, job.saved, placement, arithmetic(facts), job.observer, best)
    apply_placement(start.placement)
    began = time.perf_counter()
    facts = facts.with_facts(threads=start.placement.threads)
    record = empty_record(run, "ok", facts.with_facts(warning=start.warning) if start.warning else facts)
    training = _Training(job, conditions, workshop, record)
    try:
        yield from training.complete(start)
        training.leave()
    except (UserError, Stopped, Unwritable):
        raise
    except Exception as error:
        record.status = "failed"
        record.error = RunError(
            "out of memory" if is_out_of_memory(error) else type(error).__name__,
            str(error) or type(error).__name__,
            {"traceback": traceback.format_exc()},
        )
    finally:
        training.retire()
    record.metrics["run_seconds"] = round(time.perf_counter() - began, 3)  # since the last start, if interrupted
    return record


def empty_record(run: RunConfig, status: Status, provenance: Provenance, error: RunError | None = None) -> Record:
    """A record without results; of a run with values of plug-ins it names them."""
    if own := named(each.origin for each in own_values(run)):
        provenance = provenance.with_facts(own_code=dict(own))
    return Record(run.id, run.model_dump(mode="json"), status, provenance, error=error)


class _Training:
    """One run on its way from its first step, or a checkpoint, to its record."""

    setup: Setup
    state: State
    tally: Tally
    program: Program | None = None  # of the network as it is now

    def __init__(self, job: Job, conditions: Conditions, workshop: Workshop, record: Record) -> None:
        self.run, self.saved, self.observer, self.kept = job.run, job.saved, job.observer, job.kept
        self.conditions, self.workshop, self.record = conditions, workshop, record
        self.saved_at = time.monotonic()

    def complete(self, start: Start) -> Iterator[Work]:
        """Train, test, and fill the record; yields the works that have to be done for it."""
        record, observer = self.record, self.observer
        training, validation, normalizer = self.workshop.images(self.run.data)
        best = keeps_best(self.run, self.kept)
        self.setup = Setup(self.run, start.placement, training, validation, normalizer, best)
        record.provenance = record.provenance.with_facts(data_sha256=training.sha256, **dataset_facts(self.run.data))
        size = self.run.network_size
        record.metrics = {"parameters": size["parameters"], "flops": size["flops"]}
        saved = self._of_these_images(start.saved)
        self.state = state = self._begin(start_state(self.run, start.placement, saved))
        record.history = state.history
        try:
            if not saved:
                self._look("trained", training)
            while state.epoch < self.run.recipe.epochs:
                yield from self._epoch()
                self._look("trained", training)
                self._end_epoch()
            check_finite(state)
            weights = self.kept.take(state, self.setup.normalizer) if self.kept else None
            if self._selected:
                state.network.load_state_dict(self._selected.network)
            self._summarise()
            self._look("ended", training)
            if self.conditions.tested:
                self._look("tested", self._test())
                observer.write(record, state.probes)
            record.weights_sha256 = sha256_of(arrays_of(state.network.state_dict()))
            if self.kept:
                self.kept.weights = weights
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

    def _begin(self, fresh: State) -> State:
        """The state to train: that which was made, or the same in the tensors that an earlier run of this cell has left."""
        kit = self.workshop.take(self.setup) if self.conditions.graph == "step" else None
        if kit is None:
            self.tally = Tally(self.setup)
            return fresh
        self.tally, self.program = kit.tally, kit.program
        self._note_graph(kit.program)
        return kit.adopt(fresh)

    def leave(self) -> None:
        """Leave the program to the next run of this cell."""
        if isinstance(self.program, StepProgram):
            self.workshop.give_back(Kit(self.setup, self.state, self.tally, self.program))
            self.program = None

    def _epoch(self) -> Iterator[Work]:
        """Train the next epoch. A run that is stopped in the middle of one keeps its state."""
        setup, state = self.setup, self.state
        inputs = setup.normalizer(setup.training.images[:_COMPARED])
        if grow(state, self.run, setup.placement, inputs):
            self.retire()  # the program holds the shallower network and its graph
            release(setup.placement.device)
        if not self.program:
            self.program = make_program(self.conditions.graph, setup, state, self.tally)
            self._note_graph(self.program)
        try:
            yield from one_epoch(setup, state, self.program, self.tally, self.observer.step)
        except Stopped as stopped:
            if stopped.keep:
                self._save()
            raise

    def _note_graph(self, program: Program) -> None:
        """Record how the run is replayed on CUDA, where that is not by the graph of its network alone."""
        if self.setup.placement.device.type == "cuda" and isinstance(program, StepProgram):
            runs = self.conditions.together
            facts: dict[str, Json] = {"graph": "step"} | ({"together": runs} if runs > 1 else {})
            self.record.provenance = self.record.provenance.with_facts(**facts)

    def retire(self) -> None:
        """Let the graphs of the network go."""
        if self.program:
            self.program.retire()
            self.program = None

    def _end_epoch(self) -> None:
        """Save what the epoch left if that is due, and tell the observer, which may stop the run here."""
        last = self.state.epoch == self.run.recipe.epochs
        due = last or time.monotonic() >= self.saved_at + self.conditions.save_every
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
        test = load_test(self.run.data, self.conditions.directory, setup.placement.device)
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
        self.record.curve = self._curve()
        epoch = self._selected.epoch if self._selected else len(state.history)
        row = state.history[epoch - 1] if state.history else {}
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        metrics |= {name: row[name] for name in names if name in row}
        metrics |= {"epoch": epoch, "train_seconds": round(state.seconds, 3)}
        flops = (at_depth(self.run, depth_in(self.run, done)).network_size["flops"] for done in range(state.epoch))
        metrics["training_flops"] = BACKWARD * images * sum(flops)
        if state.seconds:
            metrics["images_per_second"] = round(images * state.epoch / state.seconds, 1)
        metrics |= peaks(self.setup.placement.device)

    @property
    def _selected(self) -> BestEpoch | None:
        """The epoch whose weights are tested, where that is not the last."""
        return self.state.best if self.run.recipe.select == "best_val" else None

    def _curve(self) -> Curve | None:
        steps, losses = self.setup.steps, self.state.curve
        return Curve(block_size(steps, self.run.recipe.epochs), steps, tuple(losses)) if losses else None
