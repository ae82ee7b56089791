"""Probes of a grid: which there are, what can be claimed of them, and runs that lack one."""

from pathlib import Path

import pytest
from support.inprocess import resbench

from resbench.core.errors import UserError
from resbench.execution.api import run as run_grid
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid
from resbench.probes.table import PROBES
from resbench.records.metrics import METRICS, PROBED
from resbench.records.record import Record
from resbench.records.store import Store

GRID = """name: seen
base:
  model: {depth: 10, width: 2}
  data: {train_size: 64, val_size: 0}
  recipe: {epochs: 1}
axes:
  model.shortcut: [identity, none]
seeds: 1
"""
CLAIM = """claims:
- {says: gradients reach the start, compare: {model.shortcut: identity}, to: {model.shortcut: none},
   on: ON, expect: lower}
"""


def load(text: str, tmp_path: Path, *overrides: str) -> Grid:
    (tmp_path / "seen.yaml").write_text(text)
    return read_grid(tmp_path / "seen.yaml", overrides)


def weights(store: Store) -> dict[str, str | None]:
    return {record.id: record.weights_sha256 for record in store.records()}


def measured(record: Record) -> list[str]:
    return list(record.probes or {})


def test_a_finished_run_that_lacks_a_probe_is_trained_again_and_loses_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "r" / "seen")
    run_grid(load(GRID, tmp_path), results=tmp_path / "r", threads=1)
    bare = weights(store)
    with_responses = load(GRID + "probes: [responses]\n", tmp_path)
    assert store.done() == bare.keys() and store.done(with_responses.probes) == set()
    code, printed, _ = resbench("plan", tmp_path / "seen.yaml", "--results", tmp_path / "r")
    assert code == 0 and "2 finished runs without some of the probes responses" in printed and "2 to do" in printed
    run_grid(with_responses, results=tmp_path / "r", threads=1)
    run_grid(load(GRID + "probes: [gradients]\n", tmp_path), results=tmp_path / "r", threads=1)
    assert weights(store) == bare
    assert [measured(record) for record in store.records()] == [["gradients", "responses"]] * 2
    stamps = {run_id: store.stamp(run_id) for run_id in bare}
    run_grid(with_responses, results=tmp_path / "r", threads=1)
    assert {run_id: store.stamp(run_id) for run_id in bare} == stamps
    code, _, said = resbench("run", tmp_path / "seen.yaml", "--results", tmp_path / "r", "--fresh", "--no-report")
    assert code == 0 and "forgot 2 records" in said and "without some" not in said


def test_claims_on_probes_are_read(tmp_path: Path) -> None:
    assert set(PROBED) == set(PROBES)
    for name, metrics in PROBED.items():
        for metric in metrics:
            assert metric in METRICS
            grid = load(GRID + f"probes: [{name}]\n" + CLAIM.replace("ON", metric), tmp_path)
            assert grid.claims[0].on == metric and grid.probes == (name,)
    with pytest.raises(
        UserError, match=r"seen.yaml:\d+: claims: on: probe.sharpness is measured by the probe curvature"
    ):
        load(GRID + "probes: [lesions]\n" + CLAIM.replace("ON", "probe.sharpness"), tmp_path)
    assert load(GRID + "probes: [curvature]\n" + CLAIM.replace("ON", "probe.sharpness"), tmp_path, "probes=none").claims


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("probes: [gradient]", "probes: 'gradient' is not one of gradients, .*did you mean 'gradients'"),
        ("probes: gradients", "should be a list of gradients, responses, curvature, lesions, or none"),
        (CLAIM.replace("ON", "probe.gradient"), "did you mean 'probe.gradient_ratio'"),
    ],
)
def test_mistakes_are_one_line(text: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=part) as caught:
        load(GRID + text + "\n", tmp_path)
    assert len(caught.value.lines) == 1


def test_probes_are_no_part_of_a_run(tmp_path: Path) -> None:
    with_probes = load(GRID + "probes: [lesions, gradients]\n", tmp_path)
    assert with_probes.probes == ("gradients", "lesions") and with_probes.study().probes == ["gradients", "lesions"]
    without = load(GRID, tmp_path)
    assert [run.id for run in with_probes.runs()] == [run.id for run in without.runs()]
    assert "probes" not in without.study().to_json()


def test_ls_probes_says_what_each_costs() -> None:
    code, printed, _ = resbench("ls", "probes")
    assert (
        code == 0 and all(name in printed for name in [*PROBES, *METRICS][-3:]) and "% of the training work" in printed
    )
