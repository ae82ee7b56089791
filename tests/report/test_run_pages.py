"""A page for each run: what the terminal says of it, the way to its record and to other runs, and nothing that is not ours goes."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support.inprocess import resbench
from support.run_pages import page_of_runs
from support.studies import MESSAGE, Accuracy, make, noise, with_accuracies

from resbench.core.errors import UserError
from resbench.records.curve import Curve
from resbench.records.store import Store

AXES: dict[str, list[Any]] = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}


def result(cell: dict[str, Any], seed: int) -> Accuracy:
    if cell["model.depth"] == 34 and cell["model.shortcut"] == "none":
        return ("diverged", "failed", "missing")[seed]
    return 0.9 + 0.01 * seed


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return with_accuracies(tmp_path / "results", "s", AXES, result, 3, baseline={"model.shortcut": "none"})


def paged(study: Path) -> Path:
    """The folder of its page."""
    return page_of_runs(study.parent, study.parent.parent / "reports", study.name).parent


def links(page: Path) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]*)"', page.read_text())]


def test_every_recorded_run_has_a_page_and_its_links_lead_somewhere(study: Path) -> None:
    folder = paged(study)
    pages = {path.stem: path for path in (folder / "runs").iterdir()}
    store = Store(study)
    assert pages.keys() == store.ids() and len(pages) == 11
    for run_id, page in pages.items():
        found = [link for link in links(page) if not link.startswith("#")]
        assert all((page.parent / unquote(link).partition("#")[0]).is_file() for link in found), found
        assert f"../../../results/s/{run_id}.json" in found and "../index.html#runs" in found
    assert sorted(link for link in links(folder / "index.html") if link.startswith("runs/")) == sorted(
        f"runs/{run_id}.html" for run_id in store.ids()
    )


def test_a_page_says_what_the_terminal_says(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    folder = paged(study)
    for record in Store(study).records():
        page = re.sub(r"<(style|script).*?</\1>", "", (folder / "runs" / f"{record.id}.html").read_text(), flags=re.S)
        words = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())
        _, shown, _ = resbench("show", "s", record.id, "--results", study.parent)
        lines = [" ".join(line.split()) for line in shown.splitlines()]
        told = [
            line for line in lines if line and not line.startswith(("record: ", "--", "train accuracy", "val accuracy"))
        ]
        assert len(told) > 20 and [line for line in told if line not in words] == []


def test_what_a_failed_run_says_is_text(study: Path) -> None:
    failed = next(record for record in Store(study).records() if record.status == "failed")
    text = (paged(study) / "runs" / f"{failed.id}.html").read_text()
    assert html.escape(MESSAGE) in text and "<script" not in text and ": failed</p>" in text


def test_curves_are_drawn_over_the_epochs(tmp_path: Path) -> None:
    make(tmp_path / "results", "s", AXES, 1, noise(lambda cell: 0.02, images=100))
    text = (paged(tmp_path / "results" / "s") / "runs" / f"{0:016x}.html").read_text()
    loss, accuracy = re.findall(r'aria-label="(loss|accuracy): ([^"]*)"', text)
    assert loss[1] == "train loss from 1 to 0.333" and accuracy[1] == "train accuracy from 0.9 to 0.967"
    heights = [float(pair.split(",")[1]) for pair in re.findall(r'points="([^"]*)"', text)[0].split()]
    assert len(heights) == 3 and heights == sorted(heights)  # the loss falls


def test_the_loss_is_drawn_within_epochs_where_the_record_has_it(study: Path) -> None:
    record = next(record for record in Store(study).records() if record.status == "ok")
    record.curve = Curve(20, 60, (2.0, 1.0, 0.5, None, 0.25, 0.125))
    Store(study).path(record.id).write_text(record.to_json())
    text = (paged(study) / "runs" / f"{record.id}.html").read_text()
    loss = re.findall(r'aria-label="loss: ([^"]*)"', text)
    assert loss == ["train loss from 2 to 0.125"]
    points = [tuple(map(float, pair.split(","))) for pair in re.findall(r'points="([^"]*)"', text)[0].split()]
    assert len(points) == 5 and points == sorted(points)  # from left to right, and downwards


def test_seeds_of_a_cell_and_the_baseline_are_a_click_away(study: Path) -> None:
    folder = paged(study)
    asked = json.loads((study / "study.json").read_text())["runs"]
    ids = {(run["cell"]["model.depth"], run["cell"]["model.shortcut"], run["seed"]): run["id"] for run in asked}
    found = links(folder / "runs" / f"{ids[10, 'identity', 1]}.html")
    for other in ((10, "identity", 0), (10, "identity", 2), (10, "none", 1)):
        assert f"{ids[other]}.html" in found
    assert f"{ids[34, 'none', 1]}.html" not in found


def test_pages_of_runs_that_are_gone_go_and_what_is_not_ours_stays(study: Path) -> None:
    folder = paged(study)
    mine = folder / "runs" / "notes.html"
    mine.write_text("mine")
    gone = next(iter(Store(study).records())).id
    code, _, _ = resbench("rm", "s", gone, "-y", "--results", study.parent, "--reports", folder.parent)
    assert (
        code == 0 and not (folder / "runs" / f"{gone}.html").exists() and len(list((folder / "runs").iterdir())) == 11
    )
    other = next(iter(Store(study).records())).id
    Store(study).remove(other)
    paged(study)
    assert not (folder / "runs" / f"{other}.html").exists() and mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["runs/0123456789abcdef.html", "data.csv"])
def test_a_file_in_the_place_of_ours_is_not_overwritten(name: str, study: Path) -> None:
    place = study.parent.parent / "reports" / "s" / name
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    with pytest.raises(UserError, match="not written by resbench"):
        paged(study)
    assert place.read_text() == "mine" and not (study.parent.parent / "reports" / "s" / "index.html").exists()


def test_all_data_is_one_file(study: Path) -> None:
    rows = list(csv.DictReader((paged(study) / "data.csv").open(newline="")))
    assert len(rows) == 12 and {row["status"] for row in rows} == {"ok", "diverged", "failed", "missing"}
    by_id = {row["run"]: row for row in rows}
    for record in Store(study).records():
        row = by_id[record.id]
        assert (row["model.depth"], row["seed"]) == (str(record.settings["model.depth"]), str(record.settings["seed"]))
        assert {name: float(row[name]) for name, value in record.metrics.items() if value is not None} == {
            name: pytest.approx(value) for name, value in record.metrics.items() if value is not None
        }


def test_records_elsewhere_are_named_and_not_linked(study: Path, tmp_path: Path) -> None:
    page = page_of_runs(study.parent, tmp_path / "far" / "away", "s")
    run = next((page.parent / "runs").iterdir())
    assert f"results/s/{run.stem}.json" in run.read_text()
    assert not any(link.endswith(".json") for link in links(run))
