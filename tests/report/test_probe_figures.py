"""Figures of probes: what records hold is what they plot, nothing without probes, legible for deep networks."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from support.figures import drawn, letter_sizes, overlapping, saved_twice
from support.probes import EPOCHS, diverged, found, grown
from support.studies import Cell, make, noise

from resbench.report import write
from resbench.report.cells import cells
from resbench.report.figures.drawing import Canvas
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.gallery import FIGURES
from resbench.report.statistics.interval import t_interval
from resbench.report.study import load
from resbench.report.tables.probes import probe_table

NAMES = ("gradients", "gradient-flow", "responses", "lesions", "lesions-by-unit", "growth")
PLAIN = {"model.shortcut": "none"}
STUDIES: dict[str, dict[str, list[Any]]] = {
    "small": {"model.depth": [34], "model.shortcut": ["identity", "none"]},
    "mixed": {"model.depth": [8, 20, 32, 56, 110], "model.shortcut": ["identity", "projection", "none"]},
    "depths": {"model.depth": [10, 34, 110]},
    "wide": {
        "model.depth": [20, 110],
        "model.shortcut": ["identity", "projection", "none"],
        "model.norm": ["batch", "layer", "group", "none", "weight"],
    },
    "grow": {"model.shortcut": ["identity", "none"], "recipe.grow": ["none", [10, 22, 34]]},
    "grow-deep": {
        "model.depth": [34, 58, 82],
        "model.shortcut": ["identity", "none"],
        "recipe.grow": ["none", [10, 22, 34]],
    },
}


def _is_lost(cell: Cell, seed: int) -> bool:
    return cell.get("model.depth") == 110 and cell.get("model.shortcut") == "none" and seed == 0


def _metrics(cell: Cell, seed: int) -> Mapping[str, float]:
    return {"probe.gradient_ratio": 0.01 * (1 + seed), "probe.sharpness": 12.5 + seed, "probe.lesion_mean": 0.01}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every study of `STUDIES`, two seeds each; a deep plain network diverges."""
    folder = tmp_path_factory.mktemp("probed")
    normal = noise(lambda cell: 0.01, images=300)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return "diverged" if _is_lost(cell, seed) else normal(cell, seed, draw)

    def probes(cell: Cell, seed: int) -> Mapping[str, Any]:
        return diverged(cell, seed) if _is_lost(cell, seed) else found(cell, seed)

    for name, axes in STUDIES.items():
        baseline = PLAIN if "model.shortcut" in axes else None
        make(folder, name, axes, 2, outcome, (), baseline, metrics=_metrics, probes=probes)
        if "recipe.grow" in axes:
            grown(folder, name)
    return folder


def _evidence(results: Path, study: str) -> Evidence:
    loaded = load(results, study)
    return Evidence(loaded, cells(loaded))


def _figures(results: Path, study: str) -> dict[str, Figure]:
    evidence = _evidence(results, study)
    figures = (build(evidence) for build in FIGURES)
    return {figure.name: figure for figure in figures if figure and figure.name in NAMES}


def _drawn(results: Path, study: str, name: str) -> tuple[Canvas, pd.DataFrame, str]:
    """A figure as it is saved, its points and its caption."""
    figure = _figures(results, study)[name]
    return drawn(figure), figure.points, figure.caption


def _found(results: Path, study: str, probe: str, **at: Any) -> list[Mapping[str, Any]]:
    """What records of a cell hold, by seed."""
    records = [
        record
        for record in load(results, study).records
        if all(record.settings[f"model.{field}"] == value for field, value in at.items())
    ]
    records.sort(key=lambda record: int(record.settings["seed"]))
    return [result for record in records if (result := (record.probes or {})[probe])]


def test_the_heat_map_holds_geometric_means_of_gradients(results: Path) -> None:
    _, points, caption = _drawn(results, "small", "gradients")
    assert list(dict.fromkeys(points["panel"])) == ["34 layers, identity shortcuts", "34 layers, no shortcut"]
    records = _found(results, "small", "gradients", shortcut="none")
    part = points[points["panel"] == "34 layers, no shortcut"]
    assert list(part["layer"][:33]) == records[0]["layers"] and list(part["place"][:33]) == list(range(1, 34))
    for number, epoch in enumerate(EPOCHS):
        expected = np.exp(np.mean([np.log(one["relative"][number]) for one in records], axis=0))
        assert list(part[part["epoch"] == epoch]["gradient"]) == pytest.approx(list(expected))
    assert "one scale of colours" in caption and "Hatched" not in caption


def test_all_panels_of_the_heat_map_have_one_scale(results: Path) -> None:
    figure, points, caption = _drawn(results, "mixed", "gradients")
    meshes = [mesh for axes in figure.axes for mesh in axes.collections if axes.get_title()]
    assert len({(mesh.norm.vmin, mesh.norm.vmax) for mesh in meshes}) == 1
    assert points["panel"].nunique() == 6 and "6 of the 15 cells that were probed are drawn" in caption
    assert {"56 layers, no shortcut", "110 layers, no shortcut"} <= set(points["panel"])
    late = points[(points["panel"] == "110 layers, no shortcut") & (points["epoch"] > 1)]
    assert set(late["seeds"]) == {1}  # the other one diverged before
    assert set(points[(points["panel"] == "110 layers, no shortcut") & (points["epoch"] == 0)]["seeds"]) == {2}


def test_layers_that_are_not_there_yet_are_hatched(results: Path) -> None:
    figure, points, caption = _drawn(results, "grow", "gradients")
    lacking = points[points["gradient"].isna()]
    assert len(lacking) == 2 * 2 * 17 and set(lacking["epoch"]) == {0, 1} and set(lacking["seeds"]) == {0}
    assert "Hatched" in caption and any(patch.get_hatch() for axes in figure.axes for patch in axes.patches)


def test_gradients_of_zero_are_drawn_in_the_lowest_colour(tmp_path: Path) -> None:
    def dead(cell: Cell, seed: int) -> Mapping[str, Any]:
        result = found(cell, seed)
        result["gradients"]["relative"][0][0] = 0.0
        return result

    make(tmp_path, "dead", STUDIES["small"], 2, noise(lambda cell: 0.01, images=300), probes=dead)
    _, points, caption = _drawn(tmp_path, "dead", "gradients")
    assert list(points[(points["epoch"] == 0) & (points["place"] == 1)]["gradient"]) == [0.0, 0.0]
    assert "zeros among them" in caption
    assert "there is a gap" in _drawn(tmp_path, "dead", "gradient-flow")[2]


def test_gradient_flow_shows_every_seed(results: Path) -> None:
    _, points, _ = _drawn(results, "small", "gradient-flow")
    records = _found(results, "small", "gradients", shortcut="identity")
    for panel, at in (("start", 0), ("end", -1)):
        part = points[(points["panel"] == panel) & (points["arm"] == "identity")]
        for seed, one in enumerate(records):
            assert list(part[part["seed"] == seed]["value"]) == one["relative"][at]
        mean = part[part["kind"] == "mean"]
        assert list(mean["value"]) == pytest.approx(list(np.sqrt(np.prod([r["relative"][at] for r in records], 0))))
        assert mean["place"].iloc[0] == 0 and mean["place"].iloc[-1] == 1 and set(mean["seeds"]) == {2}
    similar = points[(points["panel"] == "correlation") & (points["arm"] == "identity") & (points["kind"] == "mean")]
    assert list(similar["value"]) == pytest.approx(list(np.mean([one["correlation"] for one in records], axis=0)))
    assert list(similar["place"]) == list(range(1, 17))


def test_runs_that_diverged_have_gradients_at_the_start_only(results: Path) -> None:
    _, points, _ = _drawn(results, "mixed", "gradient-flow")
    part = points[(points["row"] == "110 layers") & (points["arm"] == "none") & (points["kind"] == "mean")]
    assert set(part[part["panel"] == "start"]["seeds"]) == {2} and set(part[part["panel"] == "end"]["seeds"]) == {1}


def test_responses_are_shown_in_order_and_sorted(results: Path) -> None:
    _, points, _ = _drawn(results, "small", "responses")
    values = np.array([one["deviation"] for one in _found(results, "small", "responses", shortcut="none")])
    part = points[(points["arm"] == "none") & (points["kind"] == "mean")]
    assert list(part[part["panel"] == "order"]["value"]) == pytest.approx(list(values.mean(0)))
    falling = -np.sort(-values, axis=1)
    assert list(part[part["panel"] == "sorted"]["value"]) == pytest.approx(list(falling.mean(0)))
    seeds = points[(points["panel"] == "sorted") & (points["arm"] == "none") & (points["kind"] == "seed")]
    assert list(seeds["value"]) == pytest.approx(list(falling.ravel()))


def test_lesions_rise_from_the_intact_error(results: Path) -> None:
    _, points, caption = _drawn(results, "small", "lesions-by-unit")
    records = _found(results, "small", "lesions", shortcut="none")
    single = points[(points["panel"] == "single") & (points["arm"] == "none")]
    for seed, one in enumerate(records):
        rises = [math.nan if error is None else 100 * (error - one["intact"]) for error in one["removed"]]
        assert list(single[single["seed"] == seed]["value"]) == pytest.approx(rises, nan_ok=True)
        assert np.isnan(rises).sum() == 2  # a gap, not a zero
    removed = _figures(results, "small")["lesions"].points
    several = removed[(removed["panel"] == "random") & (removed["arm"] == "none")]
    draws = several[several["kind"] == "draw"]
    for number in (2, 4, 8):
        expected = [100 * error for one in records for error in one["random"][str(number)]]
        assert list(draws[draws["place"] == number]["value"]) == pytest.approx(expected)
        mean = several[(several["kind"] == "mean") & (several["place"] == number)]
        assert list(mean["value"]) == pytest.approx([np.mean(expected)])
    assert list(several[several["kind"] == "mean"]["place"]) == [0, 1, 2, 4, 8]
    assert several[several["kind"] == "mean"]["value"].iloc[0] == pytest.approx(1.0)  # intact
    swaps = points[(points["panel"] == "swap") & (points["arm"] == "none")]
    rises = [100 * (error - one["intact"]) for one in records for error in one["swapped_error"]]
    assert list(swaps["value"]) == pytest.approx(rises)
    assert list(swaps["place"]) == [right - left for one in records for left, right in one["swapped"]]
    assert "On 200 test images" in caption and "logarithmic beyond" in caption


def test_growth_divides_the_work_of_a_run_by_depth(results: Path) -> None:
    figure, points, caption = _drawn(results, "grow", "growth")
    grow = points[points["arm"] == "identity, grow [10, 22, 34]"]
    assert list(grow["depth"]) == [10, 10, 22, 22, 34, 34]
    assert list(grow["grows"]) == [False, False, True, False, True, False]
    assert list(grow["flops"]) == pytest.approx([1e11, 2e11, 4.2e11, 6.4e11, 9.8e11, 13.2e11])
    assert list(grow["error"]) == pytest.approx([100 * (0.3 + 0.005) / epoch for epoch in range(1, 7)])
    whole = points[~points["arm"].str.contains("22") & points["arm"].str.contains("identity")]
    assert list(whole["flops"]) == pytest.approx([34e10 * epoch for epoch in range(1, 7)]) and not whole["grows"].any()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts.count("depth 34") == 2 and "divided by depth" in caption and "validation" in caption


def test_studies_that_do_not_grow_have_no_such_figure(results: Path) -> None:
    assert "growth" not in _figures(results, "mixed")


def test_without_probes_nothing_is_drawn(tmp_path: Path) -> None:
    make(tmp_path, "bare", STUDIES["small"], 2, noise(lambda cell: 0.01, images=300))
    nothing = {"gradients": None, "responses": None, "curvature": None, "lesions": None}
    make(tmp_path, "null", STUDIES["small"], 2, noise(lambda cell: 0.01, images=300), probes=lambda *_: nothing)
    for name in ("bare", "null"):
        assert not _figures(tmp_path, name)
        assert probe_table(load(tmp_path, name)) is None
    assert all("probes" not in json.loads(path.read_text()) for path in (tmp_path / "bare").glob("0*.json"))


def test_the_table_has_intervals_over_seeds(results: Path) -> None:
    shown = probe_table(load(results, "mixed"))
    assert shown and shown.frame is not None
    assert list(shown.head[2:]) == ["seeds", "gradient ratio", "sharpness", "rise by a lesion (points)"]
    row = shown.frame.iloc[0]
    of = t_interval([12.5, 13.5])
    assert [row[f"probe.sharpness{end}"] for end in ("", ".low", ".high")] == pytest.approx(
        [of.estimate, of.low, of.high]
    )
    assert row["probe.lesion_mean"] == pytest.approx(1.0)
    assert shown.rows[0][3:] == ("0.01 [−0.05, 0.08]", "13.0 [6.6, 19.4]", "1.00 [1.00, 1.00]")
    assert shown.rows[-1][2] == "2" and shown.rows[-1][4] == "13.5"  # one of the two diverged


@pytest.mark.parametrize("study", STUDIES)
def test_no_labels_touch_and_no_letters_are_tiny(study: str, results: Path) -> None:
    assert list(_figures(results, study)) == [name for name in NAMES if name != "growth" or "grow" in study]
    for name in _figures(results, study):
        figure = _drawn(results, study, name)[0]
        for one, other in _touching(figure):
            pytest.fail(f"{study}: {name}: {one!r} touches {other!r}")
        assert min(letter_sizes(figure)) >= 7


def test_figures_are_equal_byte_for_byte_and_speak_to_the_blind(results: Path, tmp_path: Path) -> None:
    images = saved_twice(tmp_path, _evidence(results, "grow"))
    assert [image.name for image in images if image.name in NAMES] == list(NAMES)
    for image in images:
        if image.name in NAMES:
            assert image.alt.endswith(".") and image.caption.endswith(".") and "nan" not in image.alt


def test_the_page_says_why_it_trains(results: Path, tmp_path: Path) -> None:
    page = write(results, tmp_path, "grow").parent
    text = (page / "report.md").read_text()
    assert "Why it trains" in text and (page / "tables" / "probes.csv").is_file()
    places = [text.index(f"figures/{name}.") for name in NAMES]
    assert places == sorted(places)


def _touching(figure: Canvas) -> Iterator[tuple[str, str]]:
    """Pairs of labels of one axis that overlap, and of titles of neighbouring panels."""
    titles = [label for axes in figure.axes for label in (axes.title, axes._left_title)]  # type: ignore[attr-defined]
    for axes in figure.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts, titles):
            yield from overlapping(labels)
