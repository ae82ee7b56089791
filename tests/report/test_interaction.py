"""Claims on interactions, judged on studies of known truth, and what pages say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from support.figures import drawn
from support.inprocess import resbench
from support.planted import plant
from support.studies import make, noise

from resbench.grid.grid import Grid
from resbench.records.claim import Claim
from resbench.report.cells import cells, comparisons
from resbench.report.figures import forest
from resbench.report.figures.evidence import Evidence
from resbench.report.judge import judge
from resbench.report.page.write_page import write
from resbench.report.study import load
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.sentence import claim_summary, sentence

AXES = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
GROWS: dict[str, Any] = {
    "says": "the gain grows with depth",
    "compare": {"model.shortcut": "none"},
    "to": {"model.shortcut": "identity"},
    "at": {},
    "between": {"model.depth": [34, 10]},
    "on": "test_error",
    "expect": "higher",
    "margin": 0.05,
}


def rate(none_at_34: float) -> Any:
    """Without an interaction `none` has 0.3 points more errors than `identity` at either depth."""

    def of(cell: Any) -> float:
        if cell["model.shortcut"] == "identity":
            return 0.008
        return none_at_34 if cell["model.depth"] == 34 else 0.011

    return noise(of)


def judged(folder: Path, outcome: Any, seeds: int = 10, **change: Any) -> tuple[ClaimVerdict, str]:
    [verdict] = judge(load(make(folder, "s", AXES, seeds, outcome, [GROWS | change]), "s"))
    [one] = verdict.contrasts
    return verdict, sentence(verdict, one)


def test_an_arm_of_either_place_that_collapsed_as_a_whole_is_named(tmp_path: Path) -> None:
    """No run of it trained, so that runs are not unlikely to fail."""
    normal, changes = noise(lambda cell: 0.02, images=1000, hard=0.3), {"expect": "not_lower", "margin": 1.0}

    def outcome(lost: int) -> Any:
        def of(cell: Any, seed: int, draw: Any) -> Any:
            collapsed = (cell["model.shortcut"], cell["model.depth"]) == ("none", lost)
            return np.arange(1000) < 887 if collapsed else normal(cell, seed, draw)

        return of

    verdict, text = judged(tmp_path / "first", outcome(34), 6, **changes)
    assert verdict.state == "supported" and "none of the 6 runs of no shortcut at 34 layers trained" in text
    assert "do not train" not in text
    verdict, text = judged(tmp_path / "second", outcome(10), 6, expect="not_higher", margin=1.0)
    assert verdict.state == "supported" and "none of the 6 runs of no shortcut at 10 layers trained" in text
    assert "do not train" not in text


def test_a_planted_interaction_is_found_and_its_opposite_refuted(tmp_path: Path) -> None:
    verdict, text = judged(tmp_path / "a", rate(0.03))
    assert verdict.state == "supported" and verdict.family == 1
    assert text.startswith(
        "Supported: the difference no shortcut − identity shortcuts, at 34 layers less that at 10 layers: test error +0.6"
    )
    assert "10 shared seeds × 10,000 images" in text and "the ratio of errors is 2.2" in text
    assert judged(tmp_path / "b", rate(0.03), expect="lower")[0].state == "refuted"
    assert judged(tmp_path / "c", rate(0.03), on="test_accuracy", expect="lower")[0].state == "supported"


def test_arms_that_differ_alike_in_both_places_do_not_interact(tmp_path: Path) -> None:
    verdict, text = judged(tmp_path / "a", rate(0.011), expect="equivalent", margin=0.3)
    assert verdict.state == "supported" and "within ±0.3 points" in text
    assert judged(tmp_path / "b", rate(0.011), seeds=6)[0].state == "inconclusive"
    assert judged(tmp_path / "c", rate(0.011), expect="not_lower", margin=0.3)[0].state == "supported"


def test_seeds_count_that_ended_in_all_four_arms_and_a_diverged_run_leaves_no_verdict(tmp_path: Path) -> None:
    def lacking(what: str, seeds: int) -> Any:
        def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
            at = cell["model.depth"] == 10 and cell["model.shortcut"] == "none"
            return what if at and seed < seeds else rate(0.03)(cell, seed, draw)

        return outcome

    verdict, text = judged(tmp_path / "a", lacking("missing", 3))
    assert "7 shared seeds" in text and verdict.outstanding == 3 and "3 runs are missing" in claim_summary(verdict)
    assert judged(tmp_path / "b", lacking("failed", 3))[0].outstanding == 3
    verdict, text = judged(tmp_path / "c", lacking("diverged", 1))
    assert verdict.state == "not trained" and "1 of 10" in text and "at 10 layers" in text


def test_data_that_differ_in_the_second_place_are_not_compared(tmp_path: Path) -> None:
    other = lambda cell, seed: {"test_sha256": ("e" if cell["model.depth"] == 10 else "f") * 64}  # noqa: E731
    study = load(make(tmp_path, "s", AXES, 6, rate(0.03), [GROWS], where=other), "s")
    [verdict] = judge(study)
    assert verdict.state == "not comparable" and "different" in sentence(verdict, verdict.contrasts[0])


def test_arms_that_are_one_network_cancel_or_count_as_no_difference(tmp_path: Path) -> None:
    """At 10 layers every unit of either network projects, so that both are one."""
    sides: dict[str, Any] = {"compare": {"model.shortcut": "identity"}, "to": {"model.shortcut": "projection"}}
    claims = [
        Claim(says="a", **sides, at={"model.dropout": None}, between={"model.depth": [16, 10]}, expect="higher"),
        Claim(says="b", **sides, at={"model.depth": [10]}, between={"model.dropout": [0.5, 0.0]}, expect="lower"),
    ]
    axes = {"model.shortcut": ["identity", "projection"], "model.depth": [10, 16], "model.dropout": [0.0, 0.5]}
    grid = Grid("g", base={"model.width": 4, "data.train_size": 64}, axes=axes, seeds=6, claims=claims)
    more = lambda c: 50 * (c.model.shortcut == "identity" and c.model.depth == 16)  # noqa: E731
    plant(tmp_path, grid, lambda c: 60 + more(c) + int(np.random.default_rng(c.seed).integers(0, 4)))
    grows, none = judge(load(tmp_path, "g"))
    assert grows.state == "supported" and grows.family == 2
    assert none.state == "equivalent" and none.family == 0 and none.contrasts[0].same
    assert "both differences are of the same networks" in sentence(none, none.contrasts[0])


def test_several_values_are_set_against_the_last_in_one_family(tmp_path: Path) -> None:
    axes = {"model.depth": [10, 16, 34], "model.shortcut": ["identity", "none"]}
    claim = GROWS | {"between": {"model.depth": [34, 16, 10]}}
    [verdict] = judge(load(make(tmp_path, "s", axes, 6, rate(0.03), [claim]), "s"))
    assert [one.state for one in verdict.contrasts] == ["supported", "inconclusive"] and verdict.family == 2
    assert verdict.state == "inconclusive"


def test_pages_show_an_interaction_in_text_tables_figures_and_files(tmp_path: Path) -> None:
    results = make(tmp_path, "s", AXES, 6, rate(0.03), [GROWS], baseline={"model.shortcut": "identity"})
    page = write(results, tmp_path / "reports", "s").with_name("report.md").read_text()
    assert "1 claim with 1 comparison was tested, together at 5 %." in page
    assert "no shortcut − identity shortcuts, 34 layers less 10 layers" in page
    folder = tmp_path / "reports" / "s"
    [claim] = json.loads((folder / "report.json").read_text())["claims"]
    [contrast] = claim["contrasts"]
    assert claim["between"] == {"model.depth": [34, 10]}
    assert contrast["between"] == {"first": {"model.depth": 34}, "second": {"model.depth": 10}}
    assert contrast["less"]["compare"] == {"model.depth": 10, "model.shortcut": "none"}
    assert contrast["crossed_low"] > 0.005 and 1.4 < contrast["ratio"] < 1.8
    text = "".join(path.read_text() for path in folder.rglob("*.csv"))
    assert "34 layers less 10 layers: no shortcut − identity shortcuts" in text
    code, out, _ = resbench("check", "s", "--results", results)
    assert code == 0 and "less that at 10 layers" in out


def test_the_figure_of_an_interaction_calls_no_side_better_and_counts_none_as_settled(tmp_path: Path) -> None:
    titles = []
    for name, none_at_34, margin in (("grows", 0.014, 0.05), ("even", 0.011, 1.0)):
        file = make(tmp_path, name, AXES, 10, rate(none_at_34), [GROWS | {"margin": margin}])
        study = load(file, name)
        figure = forest.figure(Evidence(study, cells(study), judge(study), comparisons(study, study.baseline)))
        assert figure and "Bars that leave" not in figure.caption
        assert drawn(figure).axes[-1].get_xlabel().startswith("← lower")
        assert ("thin bar" in figure.caption) is False  # of one comparison both bars are one
        titles.append(figure.title)
    assert titles == ["The comparison came out as claimed", "The comparison did not come out as claimed"]
