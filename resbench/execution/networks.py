"""The trained network of a run: from its saved weights, or trained again to the bits that its record has the digest of."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from resbench.core.config import explain
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.own_code import at_home
from resbench.core.places import Home
from resbench.core.text import duration, plural, printable
from resbench.core.version import revision
from resbench.data.directory import default_directory
from resbench.data.loading import Normalizer, prepare
from resbench.execution.driver import drive
from resbench.execution.local import Serial
from resbench.execution.notebook import live
from resbench.execution.saved_weights import check_which, difference, not_repeatable, unsaved
from resbench.execution.task import Setting
from resbench.grid.grid import PlannedRun
from resbench.grid.own_files import home_of
from resbench.model import build
from resbench.records.record import Record
from resbench.records.run_states import StateReader
from resbench.records.store import Store
from resbench.records.takeover import grid_file
from resbench.records.weights_file import Weights, Which, has_weights, read_weights, tested, weights_path
from resbench.report.api import Named
from resbench.report.long_frames import store_of
from resbench.report.show_run import find_run
from resbench.training.device import choose
from resbench.training.kept import KeptWeights
from resbench.training.run import RunConfig
from resbench.training.train import train


def network(
    run: Record | str | Path | Named,
    id: str = "",
    *,
    results: str | Path = "results",
    which: Which | None = None,
    data_dir: str | Path | None = None,
) -> nn.Module:
    """The trained network of a run, in eval mode, on the CPU.

    It is read from the saved weights of the run, else trained again with the recorded settings and threads. Either way its
    weights are those of the record, by their digest. Its `normalizer` makes of pixels from 0 to 255 what it takes.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> frame = resbench.run(resbench.Grid("tiny", base=base), save_weights="last")
        >>> trained = resbench.network("tiny", frame["id"][0])
        >>> images = torch.zeros(2, 1, 28, 28)
        >>> trained(trained.normalizer(images)).shape
        torch.Size([2, 10])

    Args:
        run: a record, the file of one, or the study of the run: its name, its Grid, or its folder.
        id: of the run in the study, or a beginning of it.
        results: folder of all studies.
        which: weights after the last epoch, or after the best one by the validation images; by default those tested.
        data_dir: torchvision data root, for a run that is trained again.

    Raises:
        UserError: there is no such run, it has no weights, or trained again it has others than its record says.
    """
    check_which(which, "which")
    if isinstance(run, Record):
        return _again(run, which or tested(run), user_path(data_dir) if data_dir else default_directory())
    if isinstance(run, str | Path) and user_path(run).is_file():
        run, id = user_path(run).parent, user_path(run).stem
    if not id:
        raise UserError("network: which run? give its id, or a beginning of it, as `resbench ls runs` lists them")
    store = store_of(run, results)
    record, path = saved(store, id, which, data_dir)
    with at_home(_home(store, record)):
        return _read(record, path)


def saved(store: Store, beginning: str, which: Which | None, data_dir: str | Path | None = None) -> tuple[Record, Path]:
    """The record of a run, and the file with its weights, which is written first where it is not there.

    Args:
        beginning: of the id of the run.
        which: those tested by default.

    Raises:
        UserError: as `network`.
    """
    name = store.folder.name
    record = find_run(name, StateReader(store).read(), beginning).record
    if record is None:
        raise UserError(f"{name} {beginning}: no record yet: do the run first")
    if record.status != "ok":
        raise UserError(f"{name} {record.id}: {record.status}: only a run that ended well has weights")
    wanted, home = which or tested(record), _home(store, record)
    path = weights_path(store.folder, record.id, wanted)
    with at_home(home):
        _config(record)
        if has_weights(store.folder, record, wanted):
            try:
                _read(record, path)
                return record, path
            except UserError as error:
                print(f"{error}: the run is trained again", file=sys.stderr)
                path.unlink()
        _train_again(store, record, wanted, user_path(data_dir) if data_dir else default_directory(), home)
    return record, path


def _home(store: Store, record: Record) -> Home | None:
    """Where the files are that the grid of a study names, and the plug-ins of a run that has values of some.

    None where the grid file is not there.
    """
    study = store.study()
    if study is None:
        return None
    path = grid_file(study, store) if study.file else None
    if study.file and not path:
        return None
    return home_of(str(path or ""), study.plugins if record.config.get("own_code") else ())


def _train_again(store: Store, record: Record, which: Which, directory: Path, home: Home | None) -> None:
    """Save the weights of a run that is done.

    Raises:
        UserError: they cannot be had here, or are not those of the record.
    """
    name, config, device = store.folder.name, _config(record), _device(record)
    if which == "best" and not config.data.sizes[1]:
        raise UserError(f"{name} {record.id}: without validation images no epoch is the best: data.val_size is 0")
    threads, seconds = record.provenance.threads, record.metrics.get("run_seconds") or 0.0
    prepare(config.data, directory)
    text = f"{name} {record.id}: no saved weights: it is trained again on {device} with {plural(threads, 'thread')}"
    print(printable(f"{text}; it took {duration(seconds)}"), file=sys.stderr, flush=True)
    setting = Setting(store.folder, directory, device, threads, revision(), home=home, weights=which)
    runs = [PlannedRun.of(config)]
    with live(runs, {record.id: seconds}) as watcher:
        drive(runs, Serial(1, runs), setting, watcher)
    if lines := unsaved(store, [record.id], which):
        raise UserError(lines, code=1)


def _again(record: Record, which: Which, directory: Path) -> nn.Module:
    """The network of a record that is in no study, trained again."""
    config, kept = _config(record), KeptWeights(which)
    again = train(config, directory, torch.device(_device(record)), record.provenance.threads, kept=kept)
    if why := difference(record, again):
        raise UserError(f"run {record.id}: {why}", code=1)
    if not kept.weights:
        raise UserError(f"run {record.id}: {again.status}: only a run that ended well has weights", code=1)
    return _with_weights(_empty(record), kept.weights)


def _device(record: Record) -> str:
    """Where a run was trained.

    Raises:
        UserError: this machine has no such device, or the record has no digest to compare with.
    """
    device = record.provenance.device or "cpu"
    try:
        here = str(choose(device))
    except UserError:
        here = "cpu"
    if why := not_repeatable(record, torch.device(here).type):
        raise UserError(f"run {record.id}: {why}")
    return device


def _read(record: Record, path: Path) -> nn.Module:
    """The network with the weights in a file.

    Raises:
        UserError: they are not those of the record.
    """
    network = _empty(record)
    try:
        weights = read_weights(path, network.state_dict())
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: {error}") from None
    if weights.which == tested(record) and weights.sha256 != record.weights_sha256:
        raise UserError(f"{path}: not the weights of its record")
    return _with_weights(network, weights)


def _config(record: Record) -> RunConfig:
    """The settings of a run.

    Raises:
        UserError: they name what is not there, or is not what it was; or another code trained the run, which is never
            executed for a record.
    """
    if record.config.get("trainer"):
        raise UserError(f"run {record.id}: training code of its own did it, which can save its weights itself")
    try:
        config = RunConfig.model_validate(record.config)
    except ValidationError as error:
        raise UserError(f"run {record.id}: {path}: {text}" for path, text, _ in explain(error)) from None
    config.check_own_code()
    return config


def _empty(record: Record) -> nn.Module:
    """The network of a run before it has its weights; no generator moves."""
    config = _config(record)
    dataset = config.data.dataset
    with torch.random.fork_rng(devices=[]):
        return build(config.model, dataset.channels, dataset.size, dataset.classes)


def _with_weights(network: nn.Module, weights: Weights) -> nn.Module:
    """The network with these weights and its normalizer, in eval mode."""
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.arrays.items()})
    shift, scale = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (weights.shift, weights.scale))
    network.normalizer = Normalizer(shift, scale)  # type: ignore[assignment]  # no part of its state
    return network.eval()
