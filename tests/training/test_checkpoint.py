"""Checkpoints: any damage is noticed, and nothing in the file can run code."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.damage import FLIPS, flipped
from support.runs import stop_after
from support.tiny import copy_tiny, run_tiny, tiny_contents, tiny_store

from resbench.core.errors import Stopped
from resbench.training import checkpoint
from resbench.training.run import RunConfig
from resbench.training.train import train


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_tiny(folder)[0] == 0
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunConfig]:
    """A real checkpoint of the first epoch, and its run."""
    path = tmp_path_factory.mktemp("saved") / "some.ckpt"
    config = {"model": {"depth": 10, "width": 4}, "data": {"train_size": 200, "val_size": 20}, "recipe": {"epochs": 2}}
    run = RunConfig.model_validate(config)
    with pytest.raises(Stopped):
        train(run, Path("unused"), threads=1, saved=path, observer=stop_after(1, keep=False))
    return path, run


def assert_noticed(path: Path, run_id: str) -> None:
    state, warning = checkpoint.load(path, run_id)
    assert state is None
    assert warning.startswith(f"{path}: a damaged checkpoint (") and warning.endswith("): the run starts over")
    assert warning.isprintable() and len(warning) < 500
    assert checkpoint.epoch(path) >= 0


def test_a_checkpoint_cut_anywhere_is_noticed(saved: tuple[Path, RunConfig], tmp_path: Path) -> None:
    whole, run_id = saved[0].read_bytes(), saved[1].id
    draw = random.Random(1)
    lengths = {*range(1024), *range(len(whole) - 1024, len(whole)), *draw.sample(range(len(whole)), 300)}
    for length in lengths:
        path = tmp_path / "cut.ckpt"
        path.write_bytes(whole[:length])
        assert_noticed(path, run_id)
    assert checkpoint.load(saved[0], run_id)[0] is not None


def test_any_flipped_bit_of_a_checkpoint_is_noticed(saved: tuple[Path, RunConfig], tmp_path: Path) -> None:
    whole, run_id = saved[0].read_bytes(), saved[1].id
    draw = random.Random(2)
    head = whole.index(b"\n") + 1
    path = tmp_path / "flipped.ckpt"
    for number in range(FLIPS):
        part = flipped(whole[:head], draw) + whole[head:] if number % 5 == 0 else flipped(whole, draw)
        path.write_bytes(part)
        state, _ = checkpoint.load(path, run_id)
        if state is not None:  # the epoch in the first line is for `resbench status` alone; the state has its own
            assert state["epoch"] == 1 and part[head:] == whole[head:]
            continue
        assert_noticed(path, run_id)


@pytest.mark.parametrize("how", ["flipped", "empty"])
def test_a_run_with_a_damaged_checkpoint_starts_over_and_ends_the_same(
    how: str, saved: tuple[Path, RunConfig], undisturbed: Path, tmp_path: Path
) -> None:
    records = tiny_store(undisturbed).records()
    run_id = next(record.id for record in records if record.settings["model.shortcut"] == "none")
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    store.path(run_id).unlink()
    store.open()
    mine = saved[0].read_bytes().replace(saved[1].id.encode(), run_id.encode(), 1)
    head = mine.index(b"\n") + 1
    store.checkpoint(run_id).write_bytes(
        mine[:head] + flipped(mine[head:], random.Random(3)) if how == "flipped" else b""
    )
    assert run_tiny(tmp_path)[0] == 0
    assert tiny_contents(tmp_path) == tiny_contents(undisturbed)
    record = store.read(run_id)
    assert record and "a damaged checkpoint (" in record.provenance.text("warning")
    assert not store.checkpoint(run_id).exists()


class Opens:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("headed", [False, True])
@pytest.mark.parametrize("form", ["pickle", "torch", "state"])
def test_a_pickle_in_the_place_of_a_checkpoint_is_not_run(form: str, headed: bool, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    buffer = io.BytesIO()
    if form == "pickle":
        buffer.write(pickle.dumps(Opens(canary)))
    else:
        torch.save(Opens(canary) if form == "torch" else {"network": {}, "history": [Opens(canary)]}, buffer)
    payload = buffer.getvalue()
    head = {"run": "a" * 16, "epoch": 1, "sha256": hashlib.sha256(payload).hexdigest()}
    path = tmp_path / "evil.ckpt"
    path.write_bytes((json.dumps(head).encode() + b"\n" if headed else b"") + payload)
    assert_noticed(path, "a" * 16)
    assert not canary.exists()
    pickle.loads(pickle.dumps(Opens(canary)))
    assert canary.exists()  # it would have made the file


@pytest.mark.parametrize("state", [[], {}, {"network": 1}, "text", None])
def test_what_is_no_state_of_a_run_is_noticed_whatever_its_checksum(state: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.ckpt"
    checkpoint.save(path, "a" * 16, 1, state)
    assert_noticed(path, "a" * 16)


@pytest.mark.parametrize(
    "head", [b"", b"[]", b"3", b"null", b"{}", b"[" * 5000, b'{"epoch": 1e999}', b"\xff\xfe", b"\0"]
)
def test_odd_first_lines_of_a_checkpoint(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.ckpt"
    path.write_bytes(head + b"\nrest")
    assert_noticed(path, "a" * 16)
    assert checkpoint.epoch(path) == 0
