"""Figures: they plot what the statistics say, say nothing where there is nothing, and are legible at any size."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from support.figures import drawn, letter_sizes, overlapping, saved_twice
from support.studies import HELPS, Cell, make, noise

from resbench.data.embedded import mnist_5k
from resbench.records.record import Record
from resbench.report import write
from resbench.report.cells import cells, comparisons
from resbench.report.figures.drawing import Canvas, canvas, width_of, wrapped
from resbench.report.figures.end_labels import spread, within
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.gallery import FIGURES, save_figures
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.styles import Arms, Colors
from resbench.report.judge import judge
from resbench.report.planning import Levels, needs
from resbench.report.statistics.factors import anova
from resbench.report.statistics.family import simultaneous_level
from resbench.report.statistics.marginal import marginal_means
from resbench.report.statistics.power import detectable, detectable_floor, upper_sd
from resbench.report.study import load
from resbench.report.tables.factors import RESPONSE, factor_table
from resbench.report.tables.hardest import hardest_table
from resbench.report.tables.power import power_table

PLAIN = {"model.shortcut": "none"}
SMALL = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}


def evidence_of(results: Path, name: str) -> Evidence:
    """A study with everything that its figures are drawn from."""
    study = load(results, name)
    compared = comparisons(study, study.baseline) if study.baseline else pd.DataFrame()
    return Evidence(study, cells(study), judge(study), compared)


def figures_of(evidence: Evidence) -> dict[str, Figure]:
    """Every figure of a study, by name."""
    return {figure.name: figure for build in FIGURES if (figure := build(evidence))}


def _rate(cell: Cell) -> float:
    return 0.011 if cell["model.shortcut"] == "none" and cell["model.depth"] == 34 else 0.008


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """2 x 2 cells, ten seeds, claims on three metrics."""

    def metrics(cell: Cell, seed: int) -> Mapping[str, float]:
        return {"train_loss": (0.024 if cell["model.shortcut"] == "none" else 0.02) + 0.001 * (seed * len(cell) % 3)}

    claims = [HELPS, HELPS | {"says": "they train to a lower loss", "on": "train_loss", "margin": 0.001}]
    claims.append(HELPS | {"says": "they add no parameters", "on": "parameters", "expect": "equivalent", "margin": 0})
    folder = tmp_path_factory.mktemp("small")
    return evidence_of(make(folder, "s", SMALL, 10, noise(_rate), claims, PLAIN, metrics=metrics), "s")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study of `middle`."""
    normal = noise(lambda cell: 0.014 if cell["model.shortcut"] == "none" else 0.010)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        deep = {56: 4, 110: 6}.get(cell["model.depth"], 0) if cell["model.shortcut"] == "none" else 0
        return "diverged" if seed < deep else normal(cell, seed, draw)

    axes = {"model.depth": [8, 20, 32, 56, 110], "model.shortcut": ["identity", "projection", "none"]}
    return make(tmp_path_factory.mktemp("middle"), "m", axes, 6, outcome, [HELPS], PLAIN)


@pytest.fixture(scope="module")
def middle(results: Path) -> Evidence:
    """5 depths x 3 shortcuts: deep plain networks diverge, all or some."""
    return evidence_of(results, "m")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """500 cells of four axes, four seeds, no claim."""
    axes = {
        "model.depth": [10, 22, 34, 58, 110],
        "model.shortcut": ["none", "identity", "projection", "gate", "zero"],
        "model.head": ["gap", "gmp", "linear", "mlp"],
        "model.norm": ["batch", "layer", "group", "none", "weight"],
    }
    normal = noise(lambda cell: 0.02 if cell["model.shortcut"] == "none" else 0.015, images=500)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return "diverged" if (cell["model.norm"], cell["model.depth"]) == ("none", 110) else normal(cell, seed, draw)

    return evidence_of(make(tmp_path_factory.mktemp("large"), "l", axes, 4, outcome, (), PLAIN), "l")


def test_error_shows_the_crossed_intervals_of_the_cells(middle: Evidence) -> None:
    figure = figures_of(middle)["error"]
    points, caption = figure.points, figure.caption
    means = points[points["kind"] == "mean"]
    trained = middle.frame[middle.frame["mean"].notna()]
    assert list(means["error"]) == pytest.approx(list(100 * (1 - trained["mean"])))
    assert list(means["low"]) == pytest.approx(list(100 * (1 - trained["high"])))
    assert list(means["high"]) == pytest.approx(list(100 * (1 - trained["low"])))
    assert "95 % interval for new images (crossed over seeds and images)" in caption
    lost = points[points["kind"] == "untrained"][["x", "group", "diverged", "runs"]].to_numpy().tolist()
    assert lost == [[56, "none", 4, 6], [110, "none", 6, 6]]
    assert {"4 of 6", "6 of 6"} <= set(_texts(drawn(figure)))
    (main,) = [axes for axes in drawn(figure).axes if axes.get_ylabel() == "test error (%)"]
    assert list(main.get_xticks()) == pytest.approx([math.log2(depth) for depth in (8, 20, 32, 56, 110)])


def test_forest_plots_the_contrasts(small: Evidence) -> None:
    figure = figures_of(small)["forest"]
    rows = figure.points[figure.points["kind"] == "difference"]
    contrasts = [one.contrast for verdict in small.verdicts for one in verdict.contrasts]
    factors = [100, 100, 1, 1, 1, 1]
    level = simultaneous_level(2)
    for row, contrast, factor in zip(rows.to_dict("records"), contrasts, factors, strict=True):
        assert contrast
        wide = contrast.interval.at_level(level)
        values = [row[name] for name in ("difference", "low", "high", "simultaneous_low", "simultaneous_high")]
        lead = contrast.interval
        assert values == pytest.approx([factor * v for v in (lead.estimate, lead.low, lead.high, wide.low, wide.high)])
    seeds = figure.points[(figure.points["kind"] == "seed") & (figure.points["metric"] == "test error")]
    assert len(seeds) == 20
    by_claim = seeds.groupby("comparison", sort=False)["difference"].mean()
    assert list(by_claim) == pytest.approx(list(rows["difference"][:2]))  # shared seeds, same images


def test_forest_gives_other_units_their_own_axis(small: Evidence) -> None:
    figure = figures_of(small)["forest"]
    labels = [axes.get_xlabel() for axes in drawn(figure).axes]
    assert labels == [
        "← better   difference in test error (points)   worse →",
        "← better   difference in training loss   worse →",
        "← lower   difference in parameters   higher →",
    ]
    assert {"Shortcuts help at each depth", "supported"} <= set(_texts(drawn(figure)))


def test_forest_compares_no_means_of_what_did_not_train(middle: Evidence) -> None:
    figure = figures_of(middle)["forest"]
    rows = figure.points[figure.points["kind"] != "seed"]
    assert list(rows["verdict"]) == [one.state for one in middle.verdicts[0].contrasts]
    assert rows[rows["verdict"] == "not trained"]["difference"].isna().all()
    assert (rows["verdict"] == "not trained").sum() == 2
    assert any("0 of 6 and 4 of 6 runs did not train" in text for text in _texts(drawn(figure)))


def test_forest_without_claims_shows_the_largest_of_many_comparisons(large: Evidence) -> None:
    figure = figures_of(large)["forest"]
    rows = figure.points[figure.points["kind"] != "seed"]
    sizes = sorted((abs(one.interval.estimate) for one in large.compared["contrast"] if one), reverse=True)
    assert len(rows) == 40 and rows["difference"].abs().min() == pytest.approx(100 * sizes[39])
    assert "40 largest differences of 400" in figure.caption and "none was claimed" in figure.caption


def test_interactions_plot_marginal_means(large: Evidence) -> None:
    figure = figures_of(large)["interactions"]
    panels = list(dict.fromkeys(figure.points["panel"]))
    assert len(panels) == 6 and panels[0] == "model.depth × model.shortcut"
    factors = large.factors
    found, _ = marginal_means(factors.frame, factors.axes, ["model.depth", "model.shortcut"], RESPONSE)
    part = figure.points[figure.points["panel"] == panels[0]]
    for name in ("mean", "low", "high", "runs"):
        assert list(part[name]) == pytest.approx(list(found[name]), nan_ok=True)


def test_heat_map_colours_the_comparisons(middle: Evidence) -> None:
    figure = figures_of(middle)["heat-map"]
    points = figure.points.set_index(["model.depth", "model.shortcut"])
    for row in middle.compared.to_dict("records"):
        at = points.loc[(row["model.depth"], row["model.shortcut"])]
        trained = row["ours"].trained and row["theirs"].trained
        assert at["kind"] == ("difference" if trained else "error")
        expected = 100 * row["contrast"].interval.estimate if trained else math.nan
        assert float(at["difference"]) == pytest.approx(expected, nan_ok=True)
    assert list(points.loc[(8, "none")][["kind", "untrained"]]) == ["baseline", 0]
    assert list(points.loc[(110, "none")][["kind", "untrained"]]) == ["missing", 6]
    assert "6 untrained" in _texts(drawn(figure))


def test_specification_orders_the_comparisons(large: Evidence) -> None:
    figure = figures_of(large)["specification"]
    there = figure.points[figure.points["difference"].notna()]
    trained = [
        100 * row["contrast"].interval.estimate
        for row in large.compared.to_dict("records")
        if row["contrast"] and row["ours"].trained and row["theirs"].trained
    ]
    assert list(there["difference"]) == pytest.approx(sorted(trained))
    assert len(figure.points) == 400 and figure.points["difference"].isna().sum() == 16
    pairs = [row for row in large.compared.to_dict("records") if row["contrast"] and row["model.shortcut"] == "gate"]
    median = np.median([100 * row["contrast"].this_test_set.estimate for row in pairs])
    assert f"gate {median:+.2f} points, p = .125".replace("-", "−") in figure.caption
    assert "4 seeds allow no p below .125)" in figure.caption


def test_variance_plots_omega_squared_with_p_of_the_root(small: Evidence) -> None:
    figure = figures_of(small)["variance"]
    factors = small.factors
    table = anova(factors.frame, factors.axes, RESPONSE).table.set_index(["scale", "term"])
    for row in figure.points.to_dict("records"):
        column = "eta2" if row["term"] == "residual" else "omega2"
        assert row["share"] == pytest.approx(float(table.at[("as measured", row["term"]), column]))
        assert row["p"] == pytest.approx(float(table.at[("square root", row["term"]), "p"]), nan_ok=True)
    shown = factor_table(factors, small.labels)
    assert shown and [row[0] for row in shown.rows].count("√(test error)") == len(table) / 2
    p = dict(zip(shown.head, zip(*shown.rows, strict=True), strict=True))["p"]
    assert set(p[: len(p) // 2]) == {"–"} and set(p[len(p) // 2 : -1]).isdisjoint({"–"})


def test_shares_that_do_not_add_up_are_not_drawn(middle: Evidence) -> None:
    factors = middle.factors
    table = factors.analysis.table
    assert not (table.groupby("scale")["eta2"].sum() - 1).abs().max() < 0.01
    assert "variance" not in figures_of(middle)
    shown = factor_table(factors, middle.labels)
    assert shown and "did not train take no part: 10" in shown.caption
    why = "The shares do not add up, as the grid is not complete (depth and shortcut are crossed only in part)."
    assert why in shown.caption and {"η²", "ω²"}.isdisjoint(shown.head) and "partial ω²" in shown.head


def test_power_plots_what_could_be_found(small: Evidence) -> None:
    figure = figures_of(small)["power"]
    contrasts = [one.contrast for one in small.verdicts[0].contrasts]
    noisy = max((one for one in contrasts if one), key=lambda one: one.sd)  # of two, the one with more noise
    points = figure.points
    here = 100 * detectable(upper_sd(noisy.sd, 10), 10, alpha=0.025)
    floor = 100 * detectable_floor(noisy.components, alpha=0.025)  # type: ignore[arg-type]
    need = needs(noisy, Levels(0.8, 0.025))  # what the sentence and the table say
    assert (100 * need.detectable_this_test_set, 100 * need.detectable_new_images) == pytest.approx(
        (here, math.hypot(here, floor))
    )
    for target, expected in (("these images", here), ("new images", math.hypot(here, floor))):
        found = points[(points["target"] == target) & (points["seeds"] == 10)]["difference"]
        assert list(found) == pytest.approx([expected])
    assert list(points[points["target"] == "floor"]["difference"]) == pytest.approx([floor])
    assert list(points[points["target"] == "margin"]["difference"]) == pytest.approx([0.05])
    assert "10 seeds so far" in _texts(drawn(figure))


def test_power_table_says_impossible_below_the_floor(small: Evidence) -> None:
    shown = power_table(small.verdicts)
    assert shown
    for row, one in zip(shown.rows, small.verdicts[0].contrasts, strict=False):
        cells_of_row = dict(zip(shown.head, row, strict=True))
        assert one.contrast and one.contrast.components
        lost = detectable_floor(one.contrast.components, alpha=0.025) >= 0.0005
        assert (cells_of_row["seeds for new images"] == "impossible") == lost == (cells_of_row["images needed"] != "–")
    assert len(shown.rows) == 2  # no noise, no row: training losses differ by the same in each seed


def test_hardest_images_are_those_that_most_runs_miss(small: Evidence) -> None:
    found = small.hardest
    assert found and not found.pictures and "hardest" not in figures_of(small)
    wrong = {arm: np.zeros(10_000) for arm in ("identity", "none")}
    for record in small.study.records:
        assert record.predictions
        wrong[record.settings["model.shortcut"]] += record.predictions.errors()
    share = (wrong["identity"] + wrong["none"]) / 40
    assert list(found.rows["missed"]) == pytest.approx(sorted(share, reverse=True)[:24])
    for row in found.rows.to_dict("records"):
        assert (row["identity"], row["none"]) == tuple(wrong[arm][row["image"]] / 20 for arm in ("identity", "none"))
    shown = hardest_table(found)
    assert shown and "label" not in shown.head and "True labels are not stored" in shown.caption


def test_thumbnails_only_of_the_very_images_that_were_tested(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {"data.name": ["mnist-5k"], "model.shortcut": ["identity", "none"]}
    make(tmp_path, "d", axes, 3, noise(lambda cell: 0.02, images=1000), (), PLAIN)
    unknown = evidence_of(tmp_path, "d")
    assert unknown.hardest and not unknown.hardest.pictures  # no checksum, no picture
    images, labels = mnist_5k(False)
    assert images.shape == (1000, 1, 28, 28) and list(labels[::100]) == list(range(10))
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    for path in (tmp_path / "d").glob("0*.json"):
        record = Record.from_json(path.read_text())
        record.provenance = record.provenance.with_facts(test_sha256=digest)
        path.write_text(record.to_json())
    evidence = evidence_of(tmp_path, "d")
    points = figures_of(evidence)["hardest"].points
    assert list(points["label"]) == [index // 100 for index in points["image"]]
    shown = hardest_table(evidence.hardest)
    assert shown and shown.head[:2] == ["image", "label"]


def test_nothing_is_drawn_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    make(tmp_path, "one", {"model.shortcut": ["identity", "none"]}, 1, noise(lambda cell: 0.01), (), PLAIN)
    one = evidence_of(tmp_path, "one")
    assert set(figures_of(one)) == {"error", "forest", "curves"}
    assert factor_table(one.factors, one.labels) is None
    assert one.factors.reason == "One seed per cell, so nothing tells an effect from noise."
    assert power_table(one.verdicts) is None
    make(tmp_path, "dead", {"model.depth": [10, 22]}, 3, lambda *_: "diverged", (), {"model.depth": 10})
    assert set(figures_of(evidence_of(tmp_path, "dead"))) == {"error"}
    make(tmp_path, "void", SMALL, 2, lambda *_: "missing", [HELPS], PLAIN)
    assert not figures_of(evidence_of(tmp_path, "void"))


def test_studies_without_a_baseline_are_mapped_by_their_errors(tmp_path: Path) -> None:
    make(tmp_path, "s", SMALL, 3, noise(_rate))
    figures = figures_of(evidence_of(tmp_path, "s"))
    assert "forest" not in figures and "specification" not in figures
    assert set(figures["heat-map"].points["kind"]) == {"error"} and "in percent" in figures["heat-map"].caption


@pytest.mark.parametrize("name", ["small", "middle", "large"])
def test_no_labels_touch_and_no_letters_are_tiny(name: str, request: pytest.FixtureRequest) -> None:
    evidence: Evidence = request.getfixturevalue(name)
    for figure in figures_of(evidence).values():
        sheet = drawn(figure)
        for one, other in _touching(sheet):
            pytest.fail(f"{name}: {figure.name}: {one!r} touches {other!r}")
        assert min(letter_sizes(sheet)) >= 7


def test_figures_are_equal_byte_for_byte_and_speak_to_the_blind(results: Path, tmp_path: Path) -> None:
    images = saved_twice(tmp_path, evidence_of(results, "m"))
    assert [image.name for image in images] == ["error", "forest", "curves", "heat-map"]
    assert [image.name for image in images if image.opened] == ["error", "forest"]
    for image in images:
        assert image.title and image.alt.endswith(".") and image.caption.endswith(".")
        assert any(digit in image.alt for digit in "123456789") and "nan" not in image.alt + image.title


def test_a_page_of_a_large_grid_stays_small(large: Evidence, tmp_path: Path) -> None:
    images = save_figures(tmp_path, large)
    assert {"heat-map", "specification", "interactions"} <= {image.name for image in images}
    assert all(len(image.uri) < 2_000_000 for image in images)


def test_the_page_has_the_figures_in_order_and_their_tables(results: Path, tmp_path: Path) -> None:
    page = write(results, tmp_path, "m").parent
    text = (page / "report.md").read_text()
    names = ("error", "forest", "curves", "heat-map")
    places = [text.index(f"figures/{name}.") for name in names]
    assert places == sorted(places)
    assert {"factors.csv", "power.csv", "hardest.csv"} <= {path.name for path in (page / "tables").iterdir()}


def test_every_figure_has_a_name_of_its_own(middle: Evidence) -> None:
    figures = [figure for build in FIGURES if (figure := build(middle))]
    assert len({figure.name for figure in figures}) == len(figures) >= 4


def test_lines_have_gaps_where_a_value_is_missing() -> None:
    arms = Arms(pd.DataFrame({"arm": ["a", "b"]}), ["arm"], Colors())
    rows = [(arm, x, math.nan if (arm, x) == ("a", 2) else 1.0 * x) for arm in ("a", "b") for x in range(5)]
    points = pd.DataFrame(rows, columns=["arm", "x", "y"])
    axes = canvas(3, 2).add_subplot()
    draw_lines(axes, points, "x", "y", arms, group="arm")
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1], [3, 4], [0, 1, 2, 3, 4]]
    assert [line.get_color() for line in axes.lines] == [arms.styles[name].color for name in ("a", "a", "b")]


def test_text_is_measured() -> None:
    assert width_of("mm", 8) == pytest.approx(2 * width_of("m", 8), rel=0.01)
    lines = wrapped("one two three four five six seven eight nine ten", 1.0, 8, most=2)
    assert len(lines) == 2 and lines[1].endswith("…") and all(width_of(line, 8) <= 1.0 for line in lines)
    assert spread([0.5, 0.5, 0.9], 0.1) == pytest.approx([0.45, 0.55, 0.9])
    assert spread([0.3, 0.1], 0.1) == pytest.approx([0.3, 0.1])
    assert spread([0.5, 0.5, 0.5], [0.1, 0.3, 0.1]) == pytest.approx([0.3, 0.5, 0.7])  # halves of both heights apart
    assert wrapped("error 4.0\N{NO-BREAK SPACE}%", 0.5, 8) == ["error", "4.0\N{NO-BREAK SPACE}%"]


def test_labels_stay_within_the_height_of_the_axes() -> None:
    assert within([-0.2, -0.1, 0.9], [0.1, 0.1, 0.1]) == pytest.approx([0.05, 0.15, 0.9])
    assert within([0.97, 1.2], [0.1, 0.1]) == pytest.approx([0.9, 1.0])


def _texts(figure: Canvas) -> list[str]:
    found = [text.get_text() for axes in figure.axes for text in (*axes.texts, *axes.get_yticklabels())]
    return [*found, *(text.get_text() for text in figure.texts)]


def _touching(figure: Canvas) -> Iterator[tuple[str, str]]:
    """Pairs of labels of one axis that overlap; slanted ones are compared by their right ends."""
    for axes in figure.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts):
            yield from overlapping(label for label in labels if label.get_rotation() in (0, 90))
