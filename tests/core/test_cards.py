"""The cards of a machine, by a real program that prints what `nvidia-smi` has printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import nvidia_smi
from support.nvidia_smi import A100S, BROKEN, EXCLUSIVE, H100, MIG, MIG_LIST, PARTS, UUIDS, install

from resbench.core.cards import ask, mps_runs, visible


def ids(folder: Path, variable: str | None, query: str = A100S, listed: str = "") -> list[str]:
    return [card.id for card in visible(ask(str(install(folder, query, listed))).cards, variable)]


def test_a_card_is_as_nvidia_smi_says(tmp_path: Path) -> None:
    (card,) = ask(str(install(tmp_path, H100))).cards
    assert (card.name, card.label, card.driver) == ("NVIDIA H100 80GB HBM3", "0", "550.54.15")
    assert (card.memory_free, card.memory_total) == (81004 << 20, 81559 << 20)
    assert card.capability == (9, 0) and card.compute_mode == "Default" and not card.one_process


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, UUIDS),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("5,2", ["5", "2"]),
        (" 3 , 1", ["3", "1"]),
        ("0,1,-1,2", ["0", "1"]),  # as CUDA: what follows is ignored
        ("0,9,1", ["0"]),
        ("1,1", []),  # as CUDA: a repeated one leaves none
        (f"{UUIDS[6]},{UUIDS[4]}", [UUIDS[6], UUIDS[4]]),
        ("GPU-60a,GPU-4", ["GPU-60a", "GPU-4"]),  # beginnings that only one has
        ("GPU-", []),
    ],
)
def test_cards_are_those_that_the_variable_leaves(tmp_path: Path, variable: str | None, expected: list[str]) -> None:
    assert ids(tmp_path, variable) == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, [UUIDS[0], *PARTS]),
        ("1", PARTS),
        (PARTS[1], [PARTS[1]]),
        (f"{PARTS[1]},{PARTS[0]}", PARTS[::-1]),
        (f"{UUIDS[0]},{PARTS[0]}", [UUIDS[0], PARTS[0]]),
    ],
)
def test_a_card_in_mig_mode_is_its_parts(tmp_path: Path, variable: str | None, expected: list[str]) -> None:
    assert ids(tmp_path, variable, MIG, MIG_LIST) == expected


def test_a_card_in_mig_mode_without_parts_is_no_card(tmp_path: Path) -> None:
    assert ids(tmp_path, None, MIG, MIG_LIST.split("  MIG")[0]) == [UUIDS[0]]


def test_a_part_has_the_name_that_cuda_gives_it_and_no_known_memory(tmp_path: Path) -> None:
    part = visible(ask(str(install(tmp_path, MIG, MIG_LIST))).cards, PARTS[1])[0]
    assert (part.name, part.label) == ("NVIDIA A100-SXM4-40GB MIG 3g.20gb", "1:1")
    assert part.memory_free is None and part.memory_total is None and part.capability == (8, 0)


def test_one_card_keeps_its_number_and_its_variable(tmp_path: Path) -> None:
    assert ids(tmp_path, None, H100) == ["0"]


def test_a_driver_that_fails_has_no_cards_and_says_why(tmp_path: Path) -> None:
    found = ask(str(install(tmp_path, BROKEN, code=9)))
    assert not found.cards and found.problem == f"nvidia-smi: {BROKEN.strip()}"
    assert "No such file" in ask(str(tmp_path / "nothing")).problem


def test_a_card_for_one_process_is_shared_where_mps_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))
    cards = ask(str(install(tmp_path, EXCLUSIVE))).cards
    assert all(card.one_process for card in cards) and not mps_runs()
    (tmp_path / "mps").mkdir()
    (tmp_path / "mps" / "control").touch()
    assert mps_runs() and not any(card.one_process for card in cards)


def test_what_is_no_line_of_a_card_is_left_out(tmp_path: Path) -> None:
    program = install(tmp_path, f"a warning of the driver\n{H100}No devices were found\n")
    assert [card.label for card in ask(str(program)).cards] == ["0"]
    assert nvidia_smi.first(program).startswith(str(program.parent))
