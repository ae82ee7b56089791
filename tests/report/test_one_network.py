"""What the report says of cells that are one network, of fields that do not act, and of cells without a partner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from support.planted import plant

from resbench.grid.expand import Exclusion
from resbench.grid.grid import Grid
from resbench.records.claim import Claim
from resbench.records.store import Store
from resbench.report.cells import comparisons, without_partner
from resbench.report.check import check, compare
from resbench.report.judge import judge
from resbench.report.page.write_page import write
from resbench.report.study import load
from resbench.report.summary import notes
from resbench.report.tables.factors import factors_of
from resbench.report.tables.hardest import hardest
from resbench.training.run import RunConfig

SMALL = {"model.width": 4, "model.depth": 10, "data.train_size": 256}
DROPOUT: dict[str, Any] = {"model.dropout": [0.0, 0.5], "model.dropout_at": ["head", "unit"]}


def noise(config: RunConfig) -> int:
    return int(np.random.default_rng(config.seed).integers(0, 4))


def test_a_claim_over_scales_that_is_true_at_one_of_three_is_refuted(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "scaled"], "model.shortcut_scale": [0.25, 0.5, 2.0]}
    claim = Claim(
        says="scaling hurts at every scale",
        compare={"model.shortcut": "scaled"},
        to={"model.shortcut": "identity"},
        at=["model.shortcut_scale"],  # type: ignore[arg-type]
        expect="higher",
    )
    grid = Grid("g", base=SMALL, axes=axes, seeds=6, claims=[claim])
    more = {0.25: 40, 0.5: -40, 2.0: -40}
    scaled = lambda c: more[c.model.shortcut_scale] if c.model.shortcut == "scaled" else 0  # noqa: E731
    plant(tmp_path, grid, lambda config: 60 + noise(config) + scaled(config))
    [verdict] = judge(load(tmp_path, "g"))
    assert verdict.state == "refuted" and verdict.family == 3
    assert [one.state for one in verdict.contrasts] == ["supported", "refuted", "refuted"]
    assert "3 cells are one network, trained once" in " ".join(notes(load(tmp_path, "g")))


def test_every_cell_has_its_partner_among_the_baselines(tmp_path: Path) -> None:
    axes = {"model.head": ["gap", "max_linear"], **DROPOUT}
    grid = Grid("g", base=SMALL, axes=axes, seeds=5, baseline={"model.dropout": 0.0})
    plant(tmp_path, grid, lambda config: 60 + noise(config) + round(40 * config.model.dropout))
    study = load(tmp_path, "g")
    rows = comparisons(study, study.baseline)
    assert len(rows) == 4 and not without_partner(study, study.baseline) and (rows["q"] < 0.05).all()
    assert len(compare(tmp_path, "g", ["model.dropout=0.0"], ["model.dropout_at=unit"])) == 2


def test_a_field_that_does_not_act_bars_no_comparison_where_its_cell_is_excluded(tmp_path: Path) -> None:
    exclude = [Exclusion({"model.dropout": [0.0], "model.dropout_at": ["unit"]}, "no dropout is anywhere")]
    claim = Claim(
        says="dropout hurts",
        compare={"model.dropout": 0.5},
        to={"model.dropout": 0.0},
        expect="higher",
    )
    grid = Grid("g", base=SMALL, axes=DROPOUT, exclude=exclude, seeds=5, claims=[claim])
    plant(tmp_path, grid, lambda config: 60 + noise(config) + round(80 * config.model.dropout))
    study = load(tmp_path, "g")
    assert len(comparisons(study, {"model.dropout": 0.0})) == 2
    [verdict] = judge(study)
    assert [one.state for one in verdict.contrasts] == ["supported"] * 2 and not verdict.unpaired


def test_cells_without_a_partner_are_named(tmp_path: Path) -> None:
    exclude = [Exclusion({"model.shortcut": ["none"], "model.depth": [22]}, "it does not train")]
    claim = Claim(
        says="shortcuts help", compare={"model.shortcut": "identity"}, to={"model.shortcut": "none"}, expect="lower"
    )
    axes: dict[str, Any] = {"model.depth": [10, 22, 34], "model.shortcut": ["identity", "none"]}
    baseline = {"model.shortcut": "none"}
    grid = Grid("g", base={"model.width": 4}, axes=axes, exclude=exclude, seeds=5, baseline=baseline, claims=[claim])
    plant(tmp_path, grid, lambda config: 60 + noise(config) + 40 * (config.model.shortcut == "none"))
    lines, _ = check(tmp_path, "g")
    assert lines[-1] == "  Not compared, because only one side has a cell there: 22 layers."
    assert "1 cell without a partner" in " ".join(notes(load(tmp_path, "g")))
    assert compare(tmp_path, "g", ["model.shortcut=none"])[-1].startswith("not compared, as no single network differs")


def test_two_cells_that_are_one_network_are_said_to_be_one(tmp_path: Path) -> None:
    axes: dict[str, Any] = {"model.depth": [10, 16], "model.shortcut": ["identity", "projection"]}
    sides: dict[str, Any] = {"compare": {"model.shortcut": "projection"}, "to": {"model.shortcut": "identity"}}
    claims = [Claim(says=expect, expect=expect, margin=0.5, **sides) for expect in ("lower", "not_higher")]
    grid = Grid("g", base={"model.width": 4}, axes=axes, seeds=6, claims=claims)
    plant(tmp_path, grid, lambda config: 60 + noise(config) + 40 * (config.model.shortcut == "identity"))
    better, no_worse = judge(load(tmp_path, "g"))
    # it is better at 16 layers, and no other network at 10
    assert [one.state for one in better.contrasts] == ["equivalent", "supported"] and better.state == "inconclusive"
    assert no_worse.state == "supported" and better.family == 1
    assert "both are one network with one training" in check(tmp_path, "g")[0][1]


def test_equal_weights_of_other_settings_are_noted_and_judged_as_any(tmp_path: Path) -> None:
    grid = Grid("g", base=SMALL, axes={"recipe.precision": ["auto", "fp32"]}, seeds=2)
    plant(tmp_path, grid, lambda config: 60 + config.seed)
    store = Store(tmp_path / "g")
    for record in list(store.records()):
        record.weights_sha256 = f"{record.settings['seed']:064x}"
        store.remove(record.id)
        store.add(record)
    [line] = compare(tmp_path, "g", ["recipe.precision=auto"])
    assert "a verdict takes 5 seeds" in line  # two seeds that end alike say nothing of the third
    assert any("are the same with each of 2 seeds" in note for note in notes(load(tmp_path, "g")))


def test_counts_are_of_runs_and_every_label_is_kept(tmp_path: Path) -> None:
    axes: dict[str, Any] = {"model.shortcut": ["scaled", "identity"], "model.shortcut_scale": [0.5, 1.0]}
    grid = Grid("g", base=SMALL, axes=axes, seeds=5, baseline={"model.shortcut": "identity"})
    plant(tmp_path, grid, lambda c: 60 + noise(c) + 40 * (c.model.shortcut == "scaled" and c.model.shortcut_scale < 1))
    page = write(tmp_path, tmp_path / "reports", "g")
    study = load(tmp_path, "g")
    factors = factors_of(study)
    assert len(factors.frame) == 20 and "one network" in factors.reason
    everything = hardest(study, ["all"], lambda cell: "all")
    assert everything and everything.runs == 10
    assert not (page.parent / "figures" / "interactions.svg").exists()  # its intervals would be of runs counted twice
    assert "| one network |" in (page.parent / "report.md").read_text()
    assert [row["same"] for row in comparisons(study, study.baseline).to_dict("records")] == [False, True]
    frame = Store(tmp_path / "g").frame()
    assert len(frame) == 10 and (frame["also"] != "").sum() == 5
    assert len(compare(tmp_path, "g", ["model.shortcut_scale=1"])) == 2  # 1 is 1.0
