"""What `resbench doctor` says of cards, by a program that prints what real `nvidia-smi` have printed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import nvidia_smi
from support.inprocess import resbench
from support.nvidia_smi import A100S, BROKEN, EXCLUSIVE, H100, MIG, MIG_LIST, PARTS, install
from support.tiny import ONE_RUN


@pytest.fixture(autouse=True)
def _no_mps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))


def doctor(folder: Path, patch: pytest.MonkeyPatch, query: str, listed: str = "", code: int = 0) -> list[str]:
    patch.setenv("PATH", nvidia_smi.first(install(folder, query, listed, code)))
    ended, said, _ = resbench("doctor")
    assert ended == 0 and not torch.cuda.is_initialized()
    return said.splitlines()


def test_a_card_with_all_that_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    lines = doctor(tmp_path, monkeypatch, H100)
    assert (
        "card 0: NVIDIA H100 80GB HBM3, 79.1 of 79.6 GiB free, compute capability 9.0 (bf16), driver 550.54.15, "
        "compute mode Default"
    ) in lines
    assert any(line.startswith("device cuda: NVIDIA H100 80GB HBM3,") for line in lines)
    assert "bf16 computed by the hardware" in lines
    assert f"MPS does not run ({tmp_path / 'mps' / 'control'})" in lines
    assert not any(line.startswith("wrong") for line in lines)


def test_the_cards_that_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,2")
    lines = doctor(tmp_path, monkeypatch, A100S)
    assert [line.partition(":")[0] for line in lines if line.startswith("card ")] == ["card 6", "card 2"]
    assert "CUDA_VISIBLE_DEVICES=6,2: leaves 2 of what nvidia-smi lists" in lines


def test_the_parts_of_a_card_in_mig_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(PARTS))
    lines = doctor(tmp_path, monkeypatch, MIG, MIG_LIST)
    assert [line.split(",")[:2] for line in lines if line.startswith("card ")] == [
        [f"card 1:{part}: NVIDIA A100-SXM4-40GB MIG 3g.20gb", " MIG part"] for part in (0, 1)
    ]


def test_compute_modes_that_limit_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    lines = doctor(tmp_path, monkeypatch, EXCLUSIVE.replace("Exclusive_Process", "Prohibited", 1))
    assert "wrong: card 0 is in compute mode Prohibited: nvidia-smi -i 0 -c DEFAULT" in lines
    assert any("card 1 is in compute mode Exclusive_Process: it takes one run at a time" in line for line in lines)


def test_a_driver_that_fails_is_said_by_doctor_and_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lines = doctor(tmp_path, monkeypatch, BROKEN, code=9)
    assert f"wrong: nvidia-smi: {BROKEN.strip()}" in lines and any(line.startswith("device cpu") for line in lines)
    (tmp_path / "tiny.yaml").write_text(ONE_RUN)
    words = [tmp_path / "tiny.yaml", "--results", tmp_path / "results", "--no-report"]
    code, _, said = resbench("run", *words, "--executor", "serial", "--threads", 1)
    assert code == 0 and f"--device auto takes the cpu: nvidia-smi: {BROKEN.strip()}\n" in said
    code, _, said = resbench("run", *words, "--fresh", "--device", "cuda")
    assert code == 2 and len(said.splitlines()) == 1 and "couldn't communicate" in said and "use one of cpu" in said


@pytest.mark.parametrize(("version", "reason"), [(None, "is built without CUDA"), ("13.0", "finds no CUDA device")])
def test_cards_that_torch_cannot_use(
    version: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", version)
    lines = doctor(tmp_path, monkeypatch, H100)
    (wrong,) = (line for line in lines if line.startswith("wrong"))
    assert wrong.startswith("wrong: nvidia-smi lists NVIDIA H100 80GB HBM3 (card 0), but torch") and reason in wrong
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # a wish, not a fault
    assert not any(line.startswith("wrong") for line in resbench("doctor")[1].splitlines())
