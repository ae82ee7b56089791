"""Which device a name means where there are cards; the process that asks opens no context on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import nvidia_smi
from support.nvidia_smi import A100S, H100, UUIDS, install

from resbench.core.errors import UserError
from resbench.execution.options import RunOptions
from resbench.execution.session import Session
from resbench.grid.grid import Grid
from resbench.training.cards import cards, describe_device
from resbench.training.device import choose, has_bf16
from resbench.training.provenance import device_name
from resbench.training.server import fresh_processes


@pytest.fixture(autouse=True)
def _eight_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", nvidia_smi.first(install(tmp_path, A100S)))


def test_a_number_is_one_of_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("auto") == choose("cuda") == torch.device("cuda")
    assert len(cards("cuda")) == 8 and not cards("cpu")
    assert choose("cuda:3") == torch.device("cuda:3") and cards("cuda:3")[0].id == UUIDS[3]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [card.id for card in cards("cuda")] == ["5", "7"] and cards("cuda:1")[0].id == "7"


@pytest.mark.parametrize("name", ["cuda:2", "cuda:", "cuda:-1", "cuda:x"])
def test_a_card_that_is_not_there_is_one_line_with_what_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    with pytest.raises(UserError) as error:
        choose(name)
    there = "cuda:0 (NVIDIA A100-SXM4-40GB), cuda:1 (NVIDIA A100-SXM4-40GB)"
    assert error.value.lines == [f"--device {name}: no such card: use cuda for all, or one of {there}"]


def test_a_cluster_gives_each_run_its_card() -> None:
    with pytest.raises(UserError, match="not with --executor ray, which gives each run a card: use cuda"):
        Session(Grid("tiny"), RunOptions(executor="ray", device="cuda:1"))


def test_name_and_precision_of_a_card_are_known_without_a_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device_name(torch.device("cuda:1")) == device_name(torch.device("cuda")) == "NVIDIA A100-SXM4-40GB"
    assert has_bf16(torch.device("cuda:0"))
    old = H100.replace("9.0", "7.5")
    monkeypatch.setenv("PATH", nvidia_smi.first(install(tmp_path / "old", old)))
    assert not has_bf16(torch.device("cuda"))
    assert not torch.cuda.is_initialized()


def test_a_process_of_the_fork_server_may_begin_with_cuda_although_its_command_has_asked_for_it() -> None:
    if not hasattr(torch._C, "_cuda_getDeviceCount"):
        pytest.skip("this torch is built without CUDA")
    torch._C._cuda_getDeviceCount()  # as torch.cuda.is_available() does; what this process forks may not use CUDA
    with fresh_processes() as pool:
        assert not pool.submit(torch.cuda._is_in_bad_fork).result()


def test_the_line_that_announces_runs_names_the_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert describe_device("cuda") == "2 x NVIDIA A100-SXM4-40GB (cards 5, 7)"
    assert describe_device("cuda:1") == "NVIDIA A100-SXM4-40GB (card 7)"
    assert describe_device("cpu") == "cpu"
