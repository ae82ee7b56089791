"""Training curves of known truth: the title says what the curves do, lines are means of the seeds, arms have panels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex, to_rgb
from support.figures import drawn, letter_sizes, overlapping
from support.studies import Cell, make, noise

from resbench.records.curve import Curve
from resbench.report.cells import cells, comparisons
from resbench.report.document import Image
from resbench.report.figures import curves, training
from resbench.report.figures.drawing import NARROW
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.gallery import save_figures, settings
from resbench.report.judge import judge
from resbench.report.study import load
from resbench.report.theme import NEUTRALS, ORDERED, ordered_colors, page_rules

DEPTHS = {"model.depth": [10, 34, 100], "model.shortcut": ["identity", "projection", "none"], "data.name": ["mnist"]}
PLAIN = {"model.shortcut": "none"}
SLOWER: dict[str, Any] = {
    "says": "more layers hurt a plain network in training too",
    "compare": {"model.depth": 100},
    "to": {"model.depth": 34},
    "at": {"model.shortcut": ["none", "identity"]},
    "on": "train_loss",
    "expect": "higher",
    "margin": 0.0,
}
GUESSING = math.log(10)
Speed = Callable[[Cell], float]  # how fast the loss falls; 0 where it stays where it was


def curve(speed: float, seed: int, blocks: int = 12) -> Curve:
    """From guessing down to 0.02 in four epochs of 60 steps, of which three blocks each; seeds differ by three percent."""
    losses = [0.02 + (GUESSING - 0.02) * math.exp(-speed * (i + 0.5)) * (1 + 0.03 * seed) for i in range(blocks)]
    return Curve(20, 60, tuple(float(f"{loss:.4g}") for loss in losses))


def evidence_of(results: Path, name: str = "s") -> Evidence:
    study = load(results, name)
    return Evidence(study, cells(study), judge(study), comparisons(study, study.baseline))


def planted(results: Path, speed: Speed, axes: dict[str, list[Any]] | None = None, **more: Any) -> Evidence:
    """A study whose networks learn as fast as that, and guess where they do not learn."""
    outcome = noise(lambda cell: 0.01 if speed(cell) else 50.0, images=400, hard=0.95)
    plan: dict[str, Any] = {
        "curves": lambda cell, seed: curve(speed(cell), seed),
        "claims": [SLOWER],
        "baseline": PLAIN,
    }
    make(results, "s", axes or DEPTHS, 3, outcome, **plan | more)
    return evidence_of(results)


def figure_of(evidence: Evidence) -> Figure:
    figure = training.figure(evidence)
    assert figure
    return figure


def texts(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for axes in drawn(figure).axes for text in axes.texts]


def is_plain(cell: Cell) -> bool:
    return bool(cell["model.shortcut"] == "none")


def is_deep(cell: Cell) -> bool:
    return bool(cell["model.depth"] == 100)


TRUTHS: dict[str, tuple[Speed, str]] = {
    "degradation": (
        lambda cell: 0.0 if is_plain(cell) and is_deep(cell) else 0.5,
        "With 100 layers and no shortcut, networks do not learn; with identity shortcuts they learn about as fast as with 34 layers",
    ),
    "the reverse": (
        lambda cell: 0.5 if is_plain(cell) or not is_deep(cell) else 0.0,
        "With 100 layers and no shortcut, networks learn about as fast as with 34 layers; with identity shortcuts they do not learn",
    ),
    "slower": (
        lambda cell: 0.3 if is_plain(cell) and is_deep(cell) else 0.5,
        "With 100 layers and no shortcut, networks learn more slowly than with 34 layers; "
        "with identity shortcuts they learn about as fast as with 34 layers",
    ),
    "faster": (
        lambda cell: 0.8 if is_deep(cell) else 0.5,
        "With 100 layers, networks learn faster than with 34 layers, with no shortcut and with identity shortcuts",
    ),
    "none learns": (
        lambda cell: 0.0 if is_deep(cell) else 0.5,
        "With 100 layers, networks do not learn, with no shortcut and with identity shortcuts",
    ),
}


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_title_says_what_the_curves_do(truth: str, tmp_path: Path) -> None:
    speed, title = TRUTHS[truth]
    assert figure_of(planted(tmp_path, speed)).title == title


def test_networks_that_only_differ_by_their_seeds_are_not_said_to_differ(tmp_path: Path) -> None:
    noisy = {0: 0.3, 1: 0.5, 2: 0.8}
    evidence = planted(
        tmp_path, lambda cell: 0.5,
        curves=lambda cell, seed: curve(noisy[seed] if is_deep(cell) else 0.4, 0),
    )  # fmt: skip
    assert "faster" not in figure_of(evidence).title and "slowly" not in figure_of(evidence).title


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return planted(tmp_path_factory.mktemp("deep"), TRUTHS["degradation"][0])


def test_a_line_is_the_mean_of_its_seeds(deep: Evidence) -> None:
    points = figure_of(deep).points
    part = points[(points["panel"] == "no shortcut") & (points["line"] == "depth 34")]
    assert list(part["epoch"]) == pytest.approx([(i + 1) / 3 for i in range(12)])
    for seed in range(3):
        assert list(part[f"seed {seed}"]) == list(curve(0.5, seed).train_loss)
    assert list(part["loss"]) == pytest.approx(list(part[[f"seed {seed}" for seed in range(3)]].mean(axis=1)))


def test_the_baseline_has_the_first_panel_and_only_claimed_arms_follow(deep: Evidence) -> None:
    figure = figure_of(deep)
    assert [axes.get_title(loc="left") for axes in drawn(figure).axes] == ["No shortcut", "Identity shortcuts"]
    assert "Not drawn: projection shortcuts." in figure.caption
    left, right = (axes.get_ylim() for axes in drawn(figure).axes)
    assert left == right


def test_a_depth_has_one_colour_and_its_test_error_at_the_end_of_its_line(deep: Evidence) -> None:
    left, right = drawn(figure_of(deep)).axes
    colors = [{text.get_text().split()[0]: text.get_color() for text in axes.texts} for axes in (left, right)]
    for depth, color in zip(("10", "34", "100"), ordered_colors(3), strict=True):
        assert colors[0][depth] == colors[1][depth] == color
        assert sum(to_hex(line.get_color()) == color for line in left.lines) == 4  # three seeds and their mean
    error = 100 * (1 - deep.frame.set_index(["model.depth", "model.shortcut"]).at[(100, "none"), "mean"])
    assert f"100 layers: {error:.1f}\N{NO-BREAK SPACE}% test error" in texts(figure_of(deep))


def test_guessing_has_a_line_where_networks_stay_near_it(deep: Evidence, tmp_path: Path) -> None:
    assert sum(text == "guessing: 2.30" for text in texts(figure_of(deep))) == 1
    assert not any("guessing" in text for text in texts(figure_of(planted(tmp_path, lambda cell: 0.5))))


def test_validation_is_drawn_by_epoch_where_there_is_one(deep: Evidence, tmp_path: Path) -> None:
    evidence = planted(tmp_path, TRUTHS["degradation"][0])
    for record in evidence.study.records:
        record.history = [{"epoch": n, "train_loss": 1.0, "val_loss": 2.0 / n} for n in (1, 2, 3, 4)]
    figure = figure_of(evidence)
    part = figure.points[figure.points["val_loss"].notna()]
    assert set(zip(part["epoch"], part["val_loss"], strict=True)) == {(n, 2.0 / n) for n in (1, 2, 3, 4)}
    assert "Bold, with dots: validation loss" in figure.caption and "validation" not in figure_of(deep).caption
    said = texts(figure)
    assert sum("validation" in text for text in said) == 2 and not any("%" in text for text in said)


def test_runs_that_diverged_are_drawn_to_their_end_and_not_averaged(tmp_path: Path) -> None:
    def outcome(cell: Cell, seed: int, draw: Any) -> Any:
        lost = is_plain(cell) and is_deep(cell)
        return "diverged" if lost else noise(lambda _: 0.01, images=400)(cell, seed, draw)

    def broken(cell: Cell, seed: int) -> Curve:
        whole = curve(0.5, seed)
        lost = is_plain(cell) and is_deep(cell)
        return Curve(20, 60, (3.0, 9.0, None)) if lost else whole

    make(tmp_path, "s", DEPTHS, 3, outcome, [SLOWER], PLAIN, curves=broken)
    figure = figure_of(evidence_of(tmp_path))
    part = figure.points[(figure.points["panel"] == "no shortcut") & (figure.points["line"] == "depth 100")]
    assert part["loss"].isna().all() and list(part["seed 0"].dropna()) == [3.0, 9.0]
    assert "100 layers: diverged" in texts(figure) and figure.title.startswith(
        "With 100 layers and no shortcut, networks diverge"
    )
    assert "nan" not in figure.alt + figure.title


@pytest.fixture(scope="module")
def saved(deep: Evidence, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[Image]]:
    folder = tmp_path_factory.mktemp("figures")
    return folder, save_figures(folder, deep)


def test_a_study_in_which_all_runs_diverge_has_no_curves(tmp_path: Path) -> None:
    make(
        tmp_path,
        "s",
        DEPTHS,
        2,
        lambda *_: "diverged",
        [SLOWER],
        PLAIN,
        curves=lambda *_: Curve(20, 60, (3.0, 9.0, None)),
    )
    assert training.figure(evidence_of(tmp_path)) is None


def test_depths_alone_have_one_panel_and_are_compared(tmp_path: Path) -> None:
    depths: dict[str, list[Any]] = {"model.depth": [10, 34, 100]}
    evidence = planted(
        tmp_path, lambda cell: 0.3 if is_deep(cell) else 0.5, depths, claims=(), baseline={"model.depth": 10}
    )
    assert figure_of(evidence).title == "With 100 layers, networks learn more slowly than with 34 layers"
    (only,) = drawn(figure_of(evidence)).axes
    assert [text.get_color() for text in only.texts if text.get_text().startswith("100")] == [ordered_colors(3)[-1]]


def test_it_takes_the_place_of_the_errors_by_epoch_and_comes_first(saved: tuple[Path, Sequence[Image]]) -> None:
    images = saved[1]
    names = [image.name for image in images]
    assert names[:2] == ["training", "error"] and "curves" not in names
    assert images[0].opened and images[0].narrow and images[0].alt.endswith(".")
    assert "100 layers, no shortcut: 2.4 to 2.4, test error 9" in images[0].alt


def test_records_of_earlier_versions_have_the_errors_by_epoch_as_before(tmp_path: Path) -> None:
    few = planted(
        tmp_path, lambda cell: 0.5,
        curves=lambda cell, seed: curve(0.5, seed) if is_plain(cell) else None,
    )  # fmt: skip
    assert training.figure(few) is None and curves.figure(few)


def test_one_axis_has_one_panel_in_the_colours_of_other_figures(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "projection", "none"]}
    evidence = planted(tmp_path, lambda cell: 0.3 if is_plain(cell) else 0.5, axes, claims=())
    figure = figure_of(evidence)
    (only,) = drawn(figure).axes
    colors = {text.get_text().partition(":")[0].replace("\n", " "): text.get_color() for text in only.texts}
    arms = evidence.arms_by(evidence.study.axes)
    assert colors == {arms.words[name]: style.color for name, style in arms.styles.items()}
    assert figure.title == "Training ends at a loss of 0.030 (identity shortcuts) to 0.11 (no shortcut)"


def test_a_long_training_stays_small(tmp_path: Path) -> None:
    many = {"model.depth": [10, 22, 34, 58, 100, 200, 1000], "model.shortcut": ["identity", "none"]}

    def long(cell: Cell, seed: int) -> Curve:
        return Curve(20, 60, tuple([float(block) for block in range(480)]))

    points = figure_of(planted(tmp_path, lambda cell: 0.5, many, curves=long)).points
    lines = points.groupby(["panel", "line"], sort=False)
    assert lines.ngroups == 12 and lines.size().max() <= 160
    part = points[points["line"] == "depth 1000"].iloc[:160]
    assert list(part["epoch"]) == [float(epoch + 1) for epoch in range(160)]
    assert list(part["loss"]) == [3.0 * epoch + 1 for epoch in range(160)]


def _contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_ordered_colours_go_from_faint_to_strong_by_day_and_by_night(saved: tuple[Path, Sequence[Image]]) -> None:
    paper = NEUTRALS["paper"]
    day = [_contrast(light, paper.light) for light, _ in ORDERED]
    night = [_contrast(dark, paper.dark) for _, dark in ORDERED]
    assert day == sorted(day) and night == sorted(night) and min(day + night) >= 3
    text = (saved[0] / "training.svg").read_text()
    for color in ordered_colors(3):
        dark = dict(ORDERED)[color]
        assert (
            f"[stroke='{color}'] {{ stroke: {dark}; }}" in text
            and f"[fill='{color}'] {{ fill: {dark}; }}" in page_rules()
        )
    assert ORDERED[1][1] not in text


def test_no_labels_touch_wide_or_narrow(deep: Evidence) -> None:
    figure = figure_of(deep)
    assert figure.narrow
    with settings():
        slim = figure.narrow()
        slim.draw_without_rendering()
    upper, lower = (axes.get_position() for axes in slim.axes)
    assert slim.get_figwidth() == NARROW and upper.y0 > lower.y1 and upper.x0 == pytest.approx(lower.x0, abs=0.01)
    for sheet in (drawn(figure), slim):
        assert min(letter_sizes(sheet)) >= 7
        for axes in sheet.axes:
            assert not list(overlapping([*axes.texts, *axes.get_xticklabels()]))
            assert all(text.get_window_extent().x1 <= sheet.bbox.x1 for text in axes.texts)
