"""The line that says on what an answer was found, of planted studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.studies import make, with_accuracies

from resbench.report import write
from resbench.report.study import Study, load
from resbench.report.wording.setup import setup_text

_ONE = {"data.name": ["mnist"], "data.train_size": [4000], "recipe.epochs": [6], "model.depth": [34]}


def _study(results: Path, name: str, axes: dict[str, list[Any]], seeds: int = 3) -> Study:
    make(results, name, axes, seeds, lambda cell, seed, draw: draw.random(1000) < 0.1)
    return load(results, name)


def test_what_is_fixed_is_named_with_real_counts(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {**_ONE, "model.width": [8], "model.shortcut": ["none", "identity"]}
    expected = "MNIST: 4,000 training and 1,000 test images; 6 epochs; 34 layers, width 8; 3 seeds a cell"
    assert setup_text([_study(tmp_path, "fixed", axes)]) == expected


def test_what_varies_is_a_range_or_left_out(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {"recipe.epochs": [1, 8, 6], "model.width": [8, 16], "data.train_size": [4000, 9000]}
    axes["data.name"] = ["mnist", "kmnist"]
    expected = "KMNIST and MNIST: 4,000 to 9,000 training and 1,000 test images; 1 to 8 epochs; 1 seed a cell"
    assert setup_text([_study(tmp_path, "varying", axes, seeds=1)]) == expected


def test_only_what_is_known_is_said(tmp_path: Path) -> None:
    def accuracy(cell: dict[str, Any], seed: int) -> str:
        return "missing"

    with_accuracies(tmp_path, "planned", {"recipe.epochs": [1], "model.shortcut": ["none"]}, accuracy)
    assert setup_text([load(tmp_path, "planned")]) == "1 epoch; 2 seeds a cell planned"


def test_a_shared_page_names_the_data_of_each_study(tmp_path: Path) -> None:
    first = _study(tmp_path, "first", _ONE)
    small = {**_ONE, "data.name": ["mnist-5k"], "data.train_size": ["all"], "data.val_size": ["auto"]}
    rest = "6 epochs; 34 layers; 3 seeds a cell"
    mnist = "MNIST: 4,000 training and 1,000 test images"
    five = "5,000 images of MNIST: 3,600 training and 1,000 test images"
    other = _study(tmp_path, "second", small)
    assert setup_text([first, other]) == f"{mnist} and {five}; {rest}"
    longer = _study(tmp_path, "third", {**small, "recipe.epochs": [9]})
    assert setup_text([first, longer]) == f"{mnist}; {rest}\n{five}; {rest.replace('6', '9')}"


def test_the_line_stands_above_the_answer_of_both_pages(tmp_path: Path) -> None:
    study = _study(tmp_path / "results", "fixed", {**_ONE, "model.shortcut": ["none", "identity"]}, seeds=5)
    page = write(tmp_path / "results", tmp_path / "reports", "fixed")
    html, text = page.read_text(), (page.parent / "report.md").read_text()
    line = setup_text([study])
    assert html.index("<h1") < html.index(f'<p class="setup">{line}</p>') < html.index('class="lead"')
    assert text.split("\n\n")[2] == line
