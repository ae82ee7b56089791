"""A grid with looks, stage by stage: what is asked for follows from the records alone, whatever is interrupted."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.inprocess import resbench
from support.planted import plant_runs

from resbench import Grid, UserError, plan, read_grid
from resbench.execution.options import RunOptions
from resbench.execution.stage_sessions import sessions
from resbench.execution.stages import asked_by_now
from resbench.grid.grid import PlannedRun
from resbench.records.store import Store
from resbench.training.run import RunConfig

RATES = [4, 8, 16, 32]
SMALL = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1, "recipe.batch_size": 16}


def claim(rate: int, other: int) -> dict[str, object]:
    cells = {"compare": {"recipe.lr": rate}, "to": {"recipe.lr": other}}
    return {"says": f"{rate} errs less than {other}", **cells, "expect": "lower"}


GRID = Grid(
    "some", base=SMALL, axes={"recipe.lr": RATES}, claims=[claim(16, 4), claim(16, 8)], seeds={"looks": [5, 10, 20]}
)  # type: ignore[list-item]


def errors(config: RunConfig) -> int:
    """16 errs far less than 4, and less than 8 in what only many seeds can show; of 32 nothing is claimed."""
    noise = (7 * config.seed + int(config.recipe.lr)) % 5
    return {4: 400, 8: 24, 16: 20, 32: 20}[int(config.recipe.lr)] + 3 * noise


def options(results: Path, **fields: bool) -> RunOptions:
    return RunOptions(results=results, device="cpu", executor="serial", **fields)  # type: ignore[arg-type]


def rates(runs: Sequence[PlannedRun]) -> dict[int, int]:
    return dict(Counter(int(run.cell_config.recipe.lr) for run in runs))


def go_on(
    results: Path, stop: Callable[[int], bool] = lambda number: False, grid: Grid = GRID, fresh: bool = False
) -> tuple[list[dict[int, int]], list[str]]:
    """Answer each stage with planted records; what was missing in each, by rate, and what was said.

    Args:
        stop: whether to leave it after so many runs.
    """
    missing, lines, count = [], list[str](), itertools.count(1)
    for session in sessions(grid, options(results, fresh=fresh), say=lines.append):
        session.keep_study()
        missing.append(rates(session.missing))
        for run in session.missing:
            plant_runs(session.store, [run], errors)
            if stop(next(count)):
                return missing, lines
    return missing, lines


def files(results: Path) -> dict[str, str]:
    """All but the time at which the question was first stated."""
    read = {path.name: path.read_text() for path in sorted((results / "some").glob("*.json"))}
    return {name: re.sub(r'"time": "[^"]*"', "", text) for name, text in read.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("undisturbed")
    go_on(results)
    return results


def test_only_what_an_open_claim_needs_goes_on(tmp_path: Path) -> None:
    missing, lines = go_on(tmp_path)
    assert missing[0] == dict.fromkeys(RATES, 5)
    assert missing[1] == {8: 5, 16: 5}  # 16 against 4 is decided, and of 32 nothing is claimed
    assert lines[0] == "look 1 of 3 (5 seeds): 1 of 2 comparisons decided, 2 cells go on to 10 seeds"
    assert lines[-1].endswith("no cell goes on")
    study = json.loads((tmp_path / "some" / "study.json").read_text())
    assert len(study["runs"]) == sum(sum(stage.values()) for stage in missing) == len(files(tmp_path)) - 1
    assert study["looks"] == {"sizes": [5, 10, 20], "spend": "pocock"}


def test_what_is_decided_at_once_stops_at_once(tmp_path: Path) -> None:
    grid = Grid("some", base=SMALL, axes={"recipe.lr": RATES}, claims=[claim(16, 4)], seeds={"looks": [5, 20]})  # type: ignore[list-item]
    missing, lines = go_on(tmp_path, grid=grid)
    assert missing == [dict.fromkeys(RATES, 5)]
    assert lines == ["look 1 of 2 (5 seeds): 1 of 1 comparison decided, no cell goes on"]


@pytest.mark.parametrize("last", [1, 7, 20, 21, 29, 30])
def test_the_same_command_goes_on_wherever_it_was_stopped(last: int, tmp_path: Path, undisturbed: Path) -> None:
    go_on(tmp_path, lambda count: count == last)
    missing, _ = go_on(tmp_path)
    assert files(tmp_path) == files(undisturbed)
    assert last + sum(sum(stage.values()) for stage in missing) == len(files(tmp_path)) - 1  # none was done twice


def test_a_look_waits_for_all_of_its_runs(tmp_path: Path) -> None:
    go_on(tmp_path, lambda count: count == 14)
    stage = asked_by_now(GRID, tmp_path)
    assert (rates(stage.grid.runs()), stage.lines) == (dict.fromkeys(RATES, 5), ())


def test_what_did_not_end_well_is_not_tried_again_and_again(tmp_path: Path) -> None:
    taken = list(itertools.islice(sessions(GRID, options(tmp_path)), 2))
    assert len(taken) == 1


def test_to_begin_anew_forgets_what_later_looks_have_left(tmp_path: Path, undisturbed: Path) -> None:
    go_on(tmp_path)
    session = next(sessions(GRID, options(tmp_path, fresh=True)))
    session.start()
    assert not Store(tmp_path / "some").ids() and rates(session.missing) == dict.fromkeys(RATES, 5)
    go_on(tmp_path)
    assert files(tmp_path) == files(undisturbed)


def test_chosen_runs_are_of_what_is_asked_for_by_now(tmp_path: Path) -> None:
    def first(*only: str, shard: str | None = None) -> dict[int, int]:
        return rates(next(sessions(GRID, options(tmp_path), only, shard)).missing)

    assert first("recipe.lr==8") == {8: 5} and first("seed>=3") == dict.fromkeys(RATES, 2)
    assert first("seed>=5") == {}
    parts = [first(shard=f"{part}/2") for part in (1, 2)]
    assert sum(sum(part.values()) for part in parts) == 20
    with pytest.raises(UserError, match="no run has seed=20"):
        first("seed==20")
    go_on(tmp_path, lambda count: count == 20)
    assert first("seed>=5") == {8: 5, 16: 5}


def test_a_plan_says_the_least_and_the_most(tmp_path: Path) -> None:
    text = str(plan(GRID, tmp_path, device="cpu", jobs=1))
    assert "some: 4 cells, 20 runs: 0 done, 20 to do" in text
    assert "some: 4 cells x 5 to 20 seeds in looks at 5, 10, 20: 20 to 80 runs; " in text
    go_on(tmp_path, lambda count: count == 20)
    assert "some: 4 cells, 30 runs: 20 done, 10 to do" in str(plan(GRID, tmp_path, device="cpu", jobs=1))


def test_a_plan_that_came_after_results_is_marked(tmp_path: Path) -> None:
    fixed = Grid("some", base=SMALL, axes={"recipe.lr": RATES}, claims=[claim(16, 4), claim(16, 8)], seeds=6)  # type: ignore[list-item]
    for session in sessions(fixed, options(tmp_path)):
        session.keep_study()
        plant_runs(session.store, session.missing, errors)
    store = Store(tmp_path / "some")
    go_on(tmp_path)
    study = store.study()
    assert study and study.stated["seeds"][-1].changed
    assert study.stated["seeds"][-1].recorded == 22  # two of six cells' sixth seeds are asked for
    other = Grid(
        "some", base=SMALL, axes={"recipe.lr": RATES}, claims=[claim(16, 4), claim(16, 8)], seeds={"looks": [5, 10, 20]}
    )  # type: ignore[list-item]
    store.write_study(asked_by_now(other, tmp_path).grid.study())
    kept = store.study()
    assert kept and kept.stated == study.stated
    assert (
        "UTC, after 22 of "
        in resbench("report", "some", "--results", tmp_path)[1]
        + (tmp_path.parent / f"{tmp_path.name}-reports" / "some" / "report.md").read_text()
    )


def test_a_plan_that_came_after_results_asks_for_what_its_page_leaves_open(tmp_path: Path) -> None:
    """At five seeds p is .004, which a plan from the start would call enough, and of a late plan 1/E, which is above .05."""

    def far(config: RunConfig) -> int:
        return 400 if int(config.recipe.lr) == 4 else 250 + (-70, -20, 0, 40, 50)[config.seed % 5]

    def asked(results: Path, late: bool) -> set[int]:
        parts = {"base": SMALL, "axes": {"recipe.lr": [4, 16]}, "claims": [claim(16, 4)]}
        first, looks = (Grid("some", **parts, seeds=seeds) for seeds in (5, {"looks": [5, 10, 20]}))  # type: ignore[arg-type]
        session = next(sessions(first if late else looks, options(results)))
        session.keep_study()
        plant_runs(session.store, session.missing, far)
        return set(rates(asked_by_now(looks, results).grid.runs()).values())

    assert asked(tmp_path / "first", late=False) == {5}
    assert asked(tmp_path / "late", late=True) == {10}


def test_a_plan_that_stood_first_is_not(undisturbed: Path) -> None:
    study = Store(undisturbed / "some").study()
    assert study and not any(entry.changed for entry in study.stated["seeds"])


def test_status_says_how_far_the_looks_are(tmp_path: Path) -> None:
    """A command that is killed between a look and its verdict leaves nothing to do, and goes on all the same."""
    file = tmp_path / "some.yaml"
    file.write_text(
        "name: some\naxes: {recipe.lr: [4, 8, 16]}\nseeds: {looks: [5, 20]}\nclaims:\n"
        "  - {says: less, compare: {recipe.lr: 16}, to: {recipe.lr: 4}, expect: lower}\n"
        "  - {says: more, compare: {recipe.lr: 16}, to: {recipe.lr: 8}, expect: lower}\n"
    )
    results = tmp_path / "results"
    go_on(results, lambda count: count == 15, read_grid(file))
    out = resbench("status", "some", "--results", results)[1].splitlines()
    assert out[0] == "some: 15 runs: 15 ok"
    assert out[1] == "  look 1 of 2 (5 seeds): 1 of 2 comparisons decided, 2 cells go on to 20 seeds"
    assert out[2].startswith("  to go on: resbench run ")
    note = resbench("check", file, "--results", results)[2]
    assert note == ""  # that more is asked for by now is no change of the grid file
    go_on(results, grid=read_grid(file))
    assert "no cell goes on" in resbench("status", "some", "--results", results)[1]
