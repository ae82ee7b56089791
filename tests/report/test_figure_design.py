"""The design of figures: one colour per arm, titles that are true, few figures open, scales that hide nothing."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from support.figures import drawn, letter_sizes, overlapping
from support.probes import found
from support.studies import HELPS, Cell, make, noise

from resbench.report import page
from resbench.report.cells import cells, comparisons
from resbench.report.figures import choice, cost, error, forest, gradients, heat_map, interactions, tradeoff
from resbench.report.figures.drawing import NARROW, WIDE, canvas, logarithmic, power_text
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.gallery import FIGURES, save_figures, settings
from resbench.report.figures.heat_fields import HeatMap, heat_points
from resbench.report.figures.styles import ORANGE, PALETTE, Arms, Colors
from resbench.report.judge import judge
from resbench.report.study import load
from resbench.report.svg import as_file, compact, inline
from resbench.report.theme import ARMS, NEUTRALS, file_rules, page_rules
from resbench.report.wording.answer.cost import cost_sentences

PLAIN = {"model.shortcut": "none"}
DEPTHS = {"model.depth": [10, 34, 100], "model.shortcut": ["identity", "none"]}
NORMS = {
    "model.shortcut": ["none", "identity"],
    "model.norm": ["batch", "layer"],
    "recipe.grad_clip": ["none", 1.0],
}


def evidence_of(results: Path, name: str) -> Evidence:
    study = load(results, name)
    compared = comparisons(study, study.baseline) if study.baseline else pd.DataFrame()
    return Evidence(study, cells(study), judge(study), compared)


def _deep(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
    """Plain networks of 100 layers diverge; of 34 they make 1.4 % errors, and all others 0.8 %, all but 0.9 % of 10 layers."""
    if cell["model.shortcut"] == "none" and cell["model.depth"] == 100:
        return "diverged"
    rate = 0.014 if cell["model.shortcut"] == "none" and cell["model.depth"] == 34 else 0.008
    missed: npt.NDArray[np.bool_] | str = noise(lambda _: rate)(cell, seed, draw)
    return missed


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return evidence_of(make(tmp_path_factory.mktemp("deep"), "d", DEPTHS, 6, _deep, [HELPS], PLAIN), "d")


@pytest.fixture(scope="module")
def norms(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Shortcuts under two norms, and a few of the cells with gradient clipping; the first value is the baseline's."""
    both = noise(lambda cell: 0.02 if cell["model.shortcut"] == "identity" else 0.05, images=2000)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        lacking = cell["recipe.grad_clip"] != "none" and cell["model.norm"] == "batch"
        return "missing" if lacking else both(cell, seed, draw)

    return evidence_of(make(tmp_path_factory.mktemp("norms"), "n", NORMS, 5, outcome, (), PLAIN), "n")


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_arms_stand_out_from_white_and_from_black() -> None:
    css = (Path(page.__file__).parent / "page.css").read_text()
    pages = re.findall(r"--page: (#\w+);", css)[:2]
    assert len(pages) == 2
    for color in (ORANGE, *PALETTE):
        assert all(_contrast(color, paper) >= 3 for paper in (pages[0], NEUTRALS["paper"].light))
        dark = dict(ARMS)[color]
        assert all(_contrast(dark, paper) >= 4.5 for paper in (pages[1], NEUTRALS["paper"].dark))
        assert all(f"[{name}='{color}'] {{ {name}: {dark}; }}" in page_rules() for name in ("fill", "stroke"))
        assert f"[fill='{color}'] {{ fill: {dark}; }}" in file_rules(f'<path fill="{color}"/>')
    assert _contrast(NEUTRALS["soft"].light, pages[0]) >= 3 and _contrast(NEUTRALS["soft"].dark, pages[1]) >= 3
    assert len({ORANGE, *PALETTE}) == 9
    for name in ("text", "soft"):
        assert _contrast(NEUTRALS[name].dark, NEUTRALS["paper"].dark) >= 4.5


def test_an_arm_has_one_colour_whatever_else_a_figure_tells_apart(norms: Evidence) -> None:
    axes = norms.study.axes
    for count in (1, 2, 3):
        for chosen in itertools.combinations(axes, count):
            if "model.shortcut" in chosen:
                arms = norms.arms_by(list(chosen))
                for cell in norms.frame.to_dict("records"):
                    color = arms.styles[arms.name(cell)].color
                    assert color == (ORANGE if cell["model.shortcut"] == "none" else PALETTE[0])
                looks = {(style.color, style.marker) for style in arms.styles.values()}
                assert len(looks) == len(arms.styles)


def test_a_colour_does_not_depend_on_the_order_of_the_values() -> None:
    for order in itertools.permutations(["identity", "projection", "none"]):
        frame = pd.DataFrame({"model.shortcut": order})
        of = Colors.among(frame, ["model.shortcut"], {}).of
        assert of["none"] == ORANGE and len(set(of.values())) == 3
        assert of == Colors.among(frame.iloc[::-1], ["model.shortcut"], {}).of


def test_an_arm_is_named_by_what_tells_it_from_the_others() -> None:
    rows = [("identity", "none", 1), ("none", "none", 1), ("identity", [10, 34], 3)]
    axes = ["model.shortcut", "recipe.grow", "recipe.epochs"]
    frame = pd.DataFrame(rows, columns=axes)
    arms = Arms(frame, axes, Colors.among(frame, axes, PLAIN))
    assert list(arms.words.values()) == [
        "identity shortcuts",
        "no shortcut",
        "identity shortcuts, growth over 10 and 34 layers",
    ]


def test_the_figure_of_errors_says_what_does_not_learn(deep: Evidence) -> None:
    figure = error.figure(deep)
    assert figure
    means = 100 * (1 - deep.frame["mean"])
    best = float(means[(deep.frame["model.depth"] == 100) & (deep.frame["model.shortcut"] == "identity")].iloc[0])
    assert figure.title == (
        f"With 100 layers and no shortcut, networks do not learn; with identity shortcuts they make {round(best, 10):.2g} % errors"
    )
    assert "with no shortcut it rises from" in figure.alt
    assert "Runs did not train: 6 of 6 with no shortcut at 100." in figure.alt


def test_the_figure_of_errors_names_no_difference_that_is_not_clear(tmp_path: Path) -> None:
    two = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
    for name, rate, words in (("far", 0.03, "make fewer errors than with"), ("near", 0.0081, "no clear difference")):
        outcome = noise(lambda cell, rate=rate: rate if cell["model.shortcut"] == "none" else 0.008, images=4000)
        make(tmp_path, name, two, 5, outcome, (), PLAIN)
        figure = error.figure(evidence_of(tmp_path, name))
        assert figure and words in figure.title and "34 layers" in figure.title


def test_networks_that_learn_a_little_are_not_said_to_learn_nothing(tmp_path: Path) -> None:
    two = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
    for name, rate, verb in (("little", 0.9, "hardly"), ("nothing", 50.0, "do not")):
        outcome = noise(
            lambda cell, rate=rate: rate if cell["model.shortcut"] == "none" else 0.01, images=1000, hard=0.95
        )
        make(tmp_path, name, two, 5, outcome, (), PLAIN)
        figure = error.figure(evidence_of(tmp_path, name))
        assert figure and figure.title.startswith(f"With 34 layers and no shortcut, networks {verb} learn; with")


def test_one_run_is_said_to_be_one(tmp_path: Path) -> None:
    two = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
    guesses = noise(lambda cell: 50.0 if cell["model.shortcut"] == "none" else 0.01, images=1000, hard=0.95)
    make(tmp_path, "one", two, 1, guesses, (), PLAIN)
    figure = error.figure(evidence_of(tmp_path, "one"))
    assert figure and figure.title == "The one run so far with 34 layers and no shortcut did not learn"


def test_a_title_gives_no_mean_of_the_runs_that_were_left_over(tmp_path: Path) -> None:
    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        if cell["model.norm"] == "none" and seed > 2:
            return "diverged"
        return np.arange(1000) < {"batch": 20, "layer": 30, "none": 200}[str(cell["model.norm"])]

    make(tmp_path, "left", {"model.norm": ["batch", "layer", "none"]}, 6, outcome, (), {"model.norm": "batch"})
    figure = error.figure(evidence_of(tmp_path, "left"))
    assert figure and figure.title.endswith("where all runs trained") and "20" not in figure.title


def test_settings_without_order_have_a_row_each_and_arms_meet_there(norms: Evidence) -> None:
    figure = error.figure(norms)
    assert figure and figure.title.startswith(
        "Lower mean error with identity shortcuts than with no shortcut in all 3 settings"
    )
    labels = [label.get_text() for label in drawn(figure).axes[0].get_yticklabels()]
    assert len(labels) == 4 and labels[0].startswith("batch norm")


def test_how_many_runs_did_not_train_touches_neither_guessing_nor_a_seed(tmp_path: Path) -> None:
    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return np.arange(1000) < (20 if cell["model.shortcut"] == "identity" else 900)

    make(tmp_path, "rows", {"model.shortcut": ["identity", "none"]}, 4, outcome, (), PLAIN)
    figure = error.figure(evidence_of(tmp_path, "rows"))
    assert figure and figure.narrow
    with settings():
        slim = figure.narrow()
        slim.draw_without_rendering()
    for sheet in (drawn(figure), slim):
        (axes,) = sheet.axes
        (lost,) = [text for text in axes.texts if "4 of 4 did not train" in text.get_text()]
        box = lost.get_window_extent()
        (guessing,) = [line for line in axes.lines if list(line.get_xdata()) == [90, 90]]
        assert box.x1 < guessing.get_window_extent().x0
        seeds = np.concatenate([one.get_offsets() for one in axes.collections if one.get_zorder() == 2])
        heights = axes.transData.transform(seeds)[:, 1]
        half = 3 / 72 * sheet.dpi  # of a tick
        assert len(heights) == 8 and all(one + half < box.y0 or one - half > box.y1 for one in heights)
        assert not list(overlapping(axes.texts))


def test_networks_that_do_not_learn_have_a_line_of_guessing(tmp_path: Path) -> None:
    guessing = noise(lambda cell: 0.88 if cell["model.shortcut"] == "none" else 0.01, images=1000, hard=0.95)
    for name, axes in (("x", DEPTHS), ("rows", {"model.shortcut": ["identity", "none"]})):
        make(tmp_path, name, axes, 3, guessing, (), PLAIN)
        figure = error.figure(evidence_of(tmp_path, name))
        assert figure
        texts = [text.get_text() for axes in drawn(figure).axes for text in axes.texts]
        assert sum("guessing" in text for text in texts) == 1


def test_at_most_four_figures_stand_open_and_the_answer_is_first(deep: Evidence, tmp_path: Path) -> None:
    images = save_figures(tmp_path, deep)
    assert 1 <= sum(image.opened for image in images) <= choice.MOST_OPEN
    assert images[0].name == "error" and images[0].opened
    assert all(image.title and image.title[0] == image.title[0].upper() for image in images)
    assert all(image.narrow for image in images if image.opened)
    assert any(image.narrow for image in images if not image.opened)  # a phone has those that cost a page little


def _costs(deep: Evidence) -> pd.DataFrame:
    rows = []
    for cell in deep.frame.to_dict("records"):
        rate = 20_000 / cell["model.depth"]
        at = {axis: cell[axis] for axis in deep.study.axes}
        rows.append(
            at
            | {"device_name": "x", "threads": 1, "precision": "fp32", "bandwidth": 48e9, "peak_flops_per_second": 4e11}
            | {"train_images_per_second": rate, "train_images_per_second_q1": rate, "train_images_per_second_q3": rate}
            | {"flops_per_byte": 21.0 + cell["model.depth"], "flops_per_second": 1e11}
        )
    return pd.DataFrame(rows)


def test_the_roof_of_memory_ends_at_the_roof_of_arithmetic(deep: Evidence) -> None:
    evidence = Evidence(deep.study, deep.frame, costs=_costs(deep))
    figure = cost.roofline(evidence)
    assert figure and figure.title == "Training reaches 25 to 25 % of what memory and arithmetic allow"
    axes = drawn(figure).axes[0]
    (roof,) = [line for line in axes.lines if len(line.get_xdata()) == 3]
    x, y = np.asarray(roof.get_xdata(), float), np.asarray(roof.get_ydata(), float)
    assert (
        (np.diff(x) > 0).all() and y[0] == pytest.approx(48 * x[0]) and (y <= 400).all() and list(y[1:]) == [400, 400]
    )


def test_a_study_of_cost_shows_cost_and_no_accuracy(tmp_path: Path) -> None:
    make(tmp_path, "c", DEPTHS, 1, noise(lambda cell: 0.01, images=500), (), PLAIN)
    trained = evidence_of(tmp_path, "c")
    evidence = Evidence(trained.study, trained.frame, costs=_costs(trained))
    figures = [figure for build in FIGURES if (figure := build(evidence))]
    shown, opened = choice.choose(evidence, figures)
    assert [figure.name for figure in shown] == ["throughput", "roofline"] and opened == {"throughput", "roofline"}
    assert shown[0].title == "10 times the depth costs 10 times the training time"


def test_the_answer_of_a_study_of_cost_tells_each_machine_for_itself(deep: Evidence) -> None:
    """The figure shows the first machine, so that the answer's numbers are those of its title."""
    slow = _costs(deep).assign(device_name="y")
    slow["train_images_per_second"] *= 1 / slow["model.depth"]  # there 10 times the depth costs 100 times as much
    costs = pd.concat([_costs(deep), slow], ignore_index=True)
    title = next(
        figure.title
        for build in FIGURES
        if (figure := build(Evidence(deep.study, deep.frame, costs=costs))) and figure.name == "throughput"
    )
    first, *rest = cost_sentences(costs, deep.study.axes, {}, deep.study.labels)
    assert title == "10 times the depth costs 10 times the training time"
    assert first == "Training on an image takes 10 times as long at 100 layers as at 10."
    assert rest == [
        "Measured on x, 1 threads, fp32.",
        "On y, 1 threads, fp32: an image takes 100 times as long at 100 layers as at 10.",
    ]


@pytest.mark.parametrize("low, high", [(1e15, 2.1e15), (1.02e15, 1.2e15), (4.6e12, 4.6e13), (3, 8), (0.5, 400)])
def test_no_two_ticks_of_a_logarithmic_axis_read_alike(low: float, high: float) -> None:
    with settings():
        sheet = canvas(4, 3)
        axes = sheet.add_subplot()
        axes.plot([low, high], [1, 2])
        logarithmic(axes, "x")
        sheet.draw_without_rendering()
        inside = [tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
        texts = [axes.xaxis.get_major_formatter()(tick, 0) for tick in inside]
    assert len(texts) > 1 and len(set(texts)) == len(texts)


def test_large_numbers_are_powers_of_ten() -> None:
    assert [power_text(value) for value in (2.1e15, 1e15, 3.04e16, 5e-7, 1500, 0.5)] == [
        "2.1×10¹⁵", "10¹⁵", "3.04×10¹⁶", "5×10⁻⁷", "1,500", "0.5",
    ]  # fmt: skip


def test_a_field_within_the_margin_is_neutral_and_others_are_not(tmp_path: Path) -> None:
    """Errors of 0.8 % next to 50 % and to 0.8 %: a linear scale of colours would make both of them alike."""
    axes = {"model.depth": [10, 34, 100], "model.shortcut": ["identity", "none"]}

    def rate(cell: Cell) -> float:
        return 0.008 if cell["model.shortcut"] == "identity" else {10: 0.0081, 34: 0.016, 100: 0.5}[cell["model.depth"]]

    make(tmp_path, "h", axes, 4, noise(rate, images=10_000, hard=0.9), (), PLAIN)
    evidence = evidence_of(tmp_path, "h")
    data = HeatMap(heat_points(evidence), "model.depth", ["model.shortcut"], 0.3, evidence.labels)
    rows = enumerate(data.points.to_dict("records"))
    of = {row["model.depth"]: i for i, row in rows if row["kind"] == "difference"}
    colored = list(data.colored)
    assert [list(data.even)[of[depth]] for depth in (10, 34, 100)] == [True, False, False]
    assert math.isnan(colored[of[10]]) and -1.4 < colored[of[34]] < -0.6 and colored[of[100]] < -5
    shades = [data.colors(data.norm(value)) for value in (colored[of[34]], -1e-9, 1e-9)]  # type: ignore[operator]
    neutral = to_rgb(heat_map._NEUTRAL)
    for shade in shades:
        assert max(abs(a - b) for a, b in zip(shade, neutral, strict=False)) > 0.1
    figure = heat_map.figure(evidence)
    assert figure
    patches = [patch for patch in drawn(figure).axes[0].patches if isinstance(patch, Rectangle)]
    count = sum(to_rgb(patch.get_facecolor()) == pytest.approx(neutral) for patch in patches)
    assert count == HeatMap(data.points, "model.depth", ["model.shortcut"], evidence.margin, evidence.labels).even.sum()


def test_small_differences_next_to_a_large_one_do_not_vanish(tmp_path: Path) -> None:
    axes = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
    rates = {10: 0.013, 34: 0.6}
    outcome = noise(lambda cell: rates[cell["model.depth"]] if cell["model.shortcut"] == "none" else 0.008, hard=0.95)
    make(tmp_path, "f", axes, 5, outcome, [HELPS], PLAIN)
    figure = forest.figure(evidence_of(tmp_path, "f"))
    assert figure and figure.title == "2 of 2 comparisons came out as claimed"
    axes_of_points = drawn(figure).axes[0]
    small = figure.points[figure.points["kind"] == "difference"]["difference"].abs().min()
    place = axes_of_points.transData + axes_of_points.transAxes.inverted()
    assert small < 1 and abs(place.transform((small, 0))[0] - place.transform((0, 0))[0]) > 0.1
    for narrow in (figure.draw(), figure.narrow and figure.narrow()):
        assert narrow and len({line.get_color() for axes in narrow.axes for line in axes.lines} & {PALETTE[0]}) == 1


def test_single_epochs_are_no_curve(tmp_path: Path) -> None:
    make(tmp_path, "one", {"model.shortcut": ["identity", "none"]}, 2, noise(lambda cell: 0.01, images=200), (), PLAIN)
    evidence = evidence_of(tmp_path, "one")
    for record in evidence.study.records:
        record.history = record.history[:1]
    assert "curves" not in {figure.name for build in FIGURES if (figure := build(evidence))}


def test_interactions_begin_with_the_pair_of_the_question_and_cells_that_were_run(norms: Evidence) -> None:
    figure = interactions.figure(norms)
    assert figure
    first = figure.points[figure.points["panel"] == figure.points["panel"].iloc[0]]
    assert set(first["panel"].iloc[0].split(" × ")) == {"model.norm", "model.shortcut"}
    errors = 100 * (1 - norms.frame["mean"])
    for row in first.to_dict("records"):
        at = (norms.frame["model.norm"] == row["x"]) & (norms.frame["model.shortcut"] == row["line"])
        at &= norms.frame["recipe.grad_clip"] == "none"
        assert row["mean"] == pytest.approx(float(errors[at].iloc[0])) and row["low"] >= 0


def test_a_target_is_annotated_with_what_it_was_published_to_take(tmp_path: Path) -> None:
    axes = {"model.depth": [10, 34], "model.width": [8, 16]}
    target = {"test_accuracy": 0.985, "training_flops": 4e12, "source": "someone 2017"}

    def metrics(cell: Cell, seed: int) -> Mapping[str, float]:
        return {"training_flops": 1e9 * cell["model.depth"] * cell["model.width"]}

    make(tmp_path, "t", axes, 5, noise(lambda cell: 0.01, images=1000), metrics=metrics, target=target)
    evidence = evidence_of(tmp_path, "t")
    figure = tradeoff.figure(evidence)
    assert figure and "takes 8×10¹⁰ FLOPs, 50 times less than published" in figure.title
    texts = [text.get_text() for axes in drawn(figure).axes for text in axes.texts]
    assert {"50 times less", "published\n4×10¹²"} <= set(texts)
    shown, _ = choice.choose(evidence, [one for build in FIGURES if (one := build(evidence))])
    assert [one.name for one in shown[:2]] == ["tradeoff", "error"]


@pytest.mark.parametrize("name", ["deep", "norms"])
def test_figures_have_two_widths_and_letters_of_one_size(name: str, request: pytest.FixtureRequest) -> None:
    evidence: Evidence = request.getfixturevalue(name)
    narrow = 0
    for figure in [figure for build in FIGURES if (figure := build(evidence))]:
        assert drawn(figure).get_figwidth() <= WIDE and min(letter_sizes(drawn(figure))) >= 7
        if figure.narrow:
            narrow += 1
            sheet = drawn(Figure(figure.name, figure.points, figure.narrow, "", "", ""))
            assert sheet.get_figwidth() == NARROW and min(letter_sizes(sheet)) >= 7
            for axes in sheet.axes:
                for labels in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts):
                    assert not list(overlapping(labels)), figure.name
                for text in axes.texts:  # nothing is cut at the right edge
                    assert text.get_window_extent().x1 <= sheet.bbox.x1 + 1, (figure.name, text.get_text())
    assert narrow >= 2


SVG = """<?xml version="1.0"?><!-- a --><svg height="30pt" width="60pt" viewBox="0 0 60 30" xmlns="x">
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <defs><clipPath id="p1"><rect x="1.23456" y="0"/></clipPath></defs>
 <path d="M 1.23456 2 L 3 4" clip-path="url(#p1)" style="fill: none; stroke: #24292f"/>
 <use xlink:href="#p1" style="stroke: #ffffff; stroke: #d55e00"/></svg>"""


def test_an_svg_in_a_page_has_no_styles_and_names_of_its_own() -> None:
    text = compact(SVG)
    assert "style" not in text and "<!--" not in text and 'fill="none" stroke="#24292f"' in text
    assert "1.23456" not in text and 'stroke="#d55e00"' in text and "#ffffff" not in text
    page = inline(text, "one-", "A title", 'words "quoted"')
    assert 'id="one-p1"' in page and "url(#one-p1)" in page and 'href="#one-p1"' in page and "xlink" not in page
    assert 'width="80" height="40"' in page and 'aria-label="A title. words &quot;quoted&quot;"' in page


def test_an_svg_file_is_dark_where_the_reader_prefers_that_and_has_its_title() -> None:
    text = as_file(compact(SVG), "1 < 2")
    assert "<title>1 &lt; 2</title>" in text and "prefers-color-scheme: dark" in text
    assert all(one.dark in text for one in NEUTRALS.values())


def test_a_heat_map_of_gradients_has_no_seams(tmp_path: Path) -> None:
    axes = {"model.depth": [34], "model.shortcut": ["identity", "none"]}
    make(tmp_path, "g", axes, 2, noise(lambda cell: 0.01, images=200), (), PLAIN, probes=found)
    evidence = evidence_of(tmp_path, "g")
    figure = gradients.figure(evidence)
    assert figure
    (image,) = [one for one in save_figures(tmp_path, evidence) if one.name == "gradients"]
    assert "data:image/png;base64," in image.svg
    assert len(re.findall("<path", image.svg)) < figure.points["layer"].nunique() * 2
