"""A target accuracy: which cell is shown to reach it for the least, on which images, and by which seeds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats
from support.studies import Cell, Outcome, confirm, make

from resbench.records.store import Store
from resbench.report import write
from resbench.report.check import check
from resbench.report.page.study_page import summary
from resbench.report.statistics.anytime import anytime_p_above
from resbench.report.statistics.interval import t_interval
from resbench.report.study import load
from resbench.report.target import BY_MEAN, CHOSEN, attempts, confirmed, reached, to_confirm
from resbench.report.wording.target import target_sentence

ERRORS = {1: 40, 2: 12, 4: 10, 8: 8}  # in 1,000, of each number of epochs
TARGET = {"test_accuracy": 0.985, "training_flops": 3e16, "source": "somebody"}


def missed(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    """As many errors as the cell has, more or less two by the seed, whose mean is exact over five."""
    return np.arange(1000) < ERRORS[cell["recipe.epochs"]] + (seed - 2)


def cost(cell: Cell, seed: int) -> dict[str, float]:
    """FLOPs grow with the epochs; the second cell is slow all the same."""
    epochs = cell["recipe.epochs"]
    return {"training_flops": 1e12 * epochs, "train_seconds": {2: 100.0}.get(epochs, 10.0 * epochs)}


def checked(folder: Path, seeds: int = 5, **target: float | str | list[int]) -> tuple[list[str], bool]:
    make(folder, "cheap", {"recipe.epochs": list(ERRORS)}, seeds, missed, metrics=cost, target=target or TARGET)
    return check(folder, "cheap")


def test_the_cheapest_cell_is_named_by_flops_and_by_seconds(tmp_path: Path) -> None:
    (line,), settled = checked(tmp_path / "results")
    assert settled
    assert line.startswith("Reached on these test images: 98.50 % of test accuracy, for the least FLOPs by 2 epochs")
    assert "(98.80 [98.60, 99.00] %, 5 seeds, one-sided p = .013, Holm over 4 cells; on new images [" in line
    assert "2×10¹² FLOPs a run, 15,000 times fewer than the published 3×10¹⁶ (somebody) in 100" in line
    assert "in the least time by 4 epochs (99.00 [98.80, 99.20] %, 5 seeds, one-sided p = .003" in line
    page = write(tmp_path / "results", tmp_path / "reports", "cheap")
    table = pd.read_csv(page.parent / "tables" / "target.csv")
    assert list(table["reached"]) == ["no", "yes", "yes", "yes"]
    assert list(table["times fewer"]) == pytest.approx([30_000, 15_000, 7_500, 3_750])
    assert line in page.read_text().replace("\N{NO-BREAK SPACE}%", " %")
    assert line in summary(tmp_path / "results", "cheap").splitlines()
    facts = json.loads((page.parent / "report.json").read_text())["target"]
    assert facts["sentence"] == line and facts["source"] == "somebody" and facts["family"] == 4
    assert [(one["at"], one["reached"]) for one in facts["cells"]][1] == ({"recipe.epochs": 2}, "yes")


def test_the_worked_example_of_ten_cells_by_hand() -> None:
    """The committed records of ten cells: numbers of an audit with code of its own."""
    file = Store(Path("results/cheapest")).study()
    assert file and file.target
    target = file.target.model_copy(update={"confirm": None})
    study = load(Path("results"), "cheapest", file.model_copy(update={"target": target, "confirmation": None}))
    tried = {(one.trained.cell["model.depth"], one.trained.cell["recipe.epochs"]): one for one in attempts(study)[:7]}
    six, eight = tried[10, 6], tried[10, 8]
    assert round(six.trained.accuracy.estimate, 5) == 0.9952 and round(six.low, 5) == 0.99472
    assert [round(one.trained.p, 3) for one in (six, eight)] == [0.023, 0.014]
    assert [round(one.p, 2) for one in (six, eight)] == [0.21, 0.14]
    assert [six.state, eight.state] == [BY_MEAN, BY_MEAN] and not reached(study)
    # of a crossed random-effects model [99.41, 99.63]; another approximation may differ in the last digit
    assert six.trained.new_images[1:3] == pytest.approx([0.9941, 0.9963], abs=1.5e-4)
    line = target_sentence(study)
    assert line.startswith("Not shown to be reached on these test images: 99.49 % of test accuracy. 3 cells of 10 have")
    assert "(99.52 [99.49, 99.55] %, 5 seeds, one-sided p = .207, Holm over 10 cells; on new images [99.4" in line


def test_a_mean_above_the_target_shows_nothing_alone(tmp_path: Path) -> None:
    (line,), settled = checked(tmp_path / "some", test_accuracy=0.987)
    assert settled and "for the least FLOPs by 4 epochs" in line
    page = write(tmp_path / "some", tmp_path / "reports", "cheap")
    assert list(pd.read_csv(page.parent / "tables" / "target.csv")["reached"]) == ["no", BY_MEAN, "yes", "yes"]
    (line,), settled = checked(tmp_path / "none", test_accuracy=0.9915)
    assert not settled and line.startswith("Not shown to be reached on these test images: 99.15 %")
    assert "1 cell of 4 has a mean there" in line and "by 8 epochs (99.20" in line
    assert "8 fresh seeds of it (`confirm: 8`) show with 80 % power" in line


def test_one_cell_alone_is_tested_without_correction_and_twice_as_one_network(tmp_path: Path) -> None:
    axes = {"recipe.epochs": [2, 4], "model.norm": ["batch", "none"]}
    target = {"test_accuracy": 0.986}
    make(tmp_path, "four", axes, 5, missed, metrics=cost, target=target)
    file = Store(tmp_path / "four").study()
    assert file
    four = load(tmp_path, "four")
    assert attempts(four)[0].p == pytest.approx(2 * attempts(four)[0].trained.p)  # two of four cells have a smaller p
    first = {str(run.cell["recipe.epochs"]) + str(run.seed): run.id for run in reversed(file.runs)}
    same = [run.model_copy(update={"id": first[f"{run.cell['recipe.epochs']}{run.seed}"]}) for run in file.runs]
    two = load(tmp_path, "four", file.model_copy(update={"runs": same}))
    assert [one.p / one.trained.p for one in attempts(two)] == pytest.approx([1, 1, 2, 2])


def test_four_seeds_reach_nothing(tmp_path: Path) -> None:
    assert checked(tmp_path / "results", seeds=4) == (
        ["Open: 98.50 % of test accuracy. Not judged: 4 of 4 cells, as no verdict takes fewer than 5 seeds."],
        False,
    )


def test_a_cell_with_a_run_that_did_not_train_is_not_judged(tmp_path: Path) -> None:
    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return "diverged" if seed == 0 and cell["recipe.epochs"] in lost else missed(cell, seed, draw)

    for lost, head in (
        ([1], "Not reached: 99.99 % of test accuracy as a mean of at least 5 seeds."),
        ([1, 2], "Open: 99.99 %"),
    ):
        folder, target = tmp_path / str(len(lost)), {"test_accuracy": 0.9999}
        make(folder, "cheap", {"recipe.epochs": [1, 2]}, 6, outcome, metrics=cost, target=target)
        (line,), settled = check(folder, "cheap")
        assert not settled and line.startswith(head)
        assert line.endswith(f" Not judged: {len(lost)} of 2 cells, of which a run did not train.")


def test_seeds_that_are_all_equal_give_no_p_and_that_is_said(tmp_path: Path) -> None:
    target = {"test_accuracy": 0.94}
    make(tmp_path, "cheap", {"recipe.epochs": [1]}, 5, lambda *_: np.arange(1000) < 50, metrics=cost, target=target)
    (line,), settled = check(tmp_path, "cheap")
    assert not settled and line.startswith("Not shown to be reached")
    assert "5 seeds, no p, as all seeds have the same accuracy" in line


def test_a_target_beyond_all_cells_is_not_reached(tmp_path: Path) -> None:
    assert checked(tmp_path / "results", test_accuracy=0.9999)[1] is False


def test_cells_that_lack_runs_are_not_judged_and_count_in_the_family(tmp_path: Path) -> None:
    def half(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        lost = {1: "diverged", 2: "diverged", 4: "missing"}.get(cell["recipe.epochs"], "")
        return lost if lost and (seed >= 5 or cell["recipe.epochs"] == 1) else missed(cell, seed % 5, draw)

    axes = {"recipe.epochs": list(ERRORS)}
    make(tmp_path / "results", "cheap", axes, 10, half, metrics=cost, target=TARGET)
    (line,), settled = check(tmp_path / "results", "cheap")
    assert line.startswith("Reached on these test images, so far: 98.50 %") and "least FLOPs by 8 epochs" in line
    assert not settled and "Holm over 4 cells" in line  # more runs may change it
    assert (
        "Not judged: 1 of 4 cells, of which a run did not train; 1 of which a run has no result yet; 1 of which no run"
        in line
    )
    study = load(tmp_path / "results", "cheap")
    assert [one.p / one.trained.p for one in attempts(study)][-1] == pytest.approx(4)
    page = write(tmp_path / "results", tmp_path / "reports", "cheap")
    table = pd.read_csv(page.parent / "tables" / "target.csv")
    assert list(table["reached"]) == ["5 not trained", "5 outstanding", "yes"]
    assert list(table["seeds"]) == ["5 of 10", "5 of 10", "10"]


def test_a_cell_that_costs_more_and_an_old_record_are_described_as_they_are(tmp_path: Path) -> None:
    (line,), _ = checked(tmp_path / "dear", test_accuracy=0.985, training_flops=1e12)
    assert "2×10¹² FLOPs a run, 2.0 times the published 10¹²" in line

    def old(cell: Cell, seed: int) -> dict[str, float]:  # 5 MFLOPs an image, 100 images a second
        return {"train_seconds": 10.0} if seed else cost(cell, seed) | {"train_seconds": 10.0}

    make(tmp_path / "old", "cheap", {"recipe.epochs": [2]}, 5, missed, metrics=old, target=TARGET)
    # (2e12 + 4 * 3 * 5e6 * 100 * 10) / 5, as an old record has the FLOPs of a forward pass alone
    assert "4.1×10¹¹ FLOPs a run" in check(tmp_path / "old", "cheap")[0][0]


@pytest.mark.parametrize("errors", [[5, 5, 5, 5, 5], [4, 6, 5, 4, 6], [4, 4, 4, 4, 4]])
def test_equal_seeds_and_a_mean_of_exactly_the_target_show_nothing(errors: list[int], tmp_path: Path) -> None:
    def missing(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
        return np.arange(1000) < errors[seed]

    target = {"test_accuracy": 0.995}
    make(tmp_path, "equal", {"recipe.epochs": [1]}, 5, missing, metrics=cost, target=target)
    (line,), settled = check(tmp_path, "equal")
    assert not settled and line.startswith("Not shown to be reached on these test images: 99.50 %")


def test_every_count_of_errors_reaches_by_its_mean_the_target_that_it_makes(tmp_path: Path) -> None:
    """Five seeds, whose mean is a count over five times the images, against that number as a file has it."""
    make(tmp_path, "one", {"recipe.epochs": [1]}, 5, missed, metrics=cost, target=TARGET)
    trained = attempts(load(tmp_path, "one"))[0].trained
    for count in range(0, 5000, 7):
        accuracy = t_interval([1 - (count // 5 + (seed < count % 5)) / 1000 for seed in range(5)])
        one = replace(trained, accuracy=accuracy)
        assert one.mean_reaches(float(f"{1 - count / 5000:.4f}"))
        assert not one.mean_reaches(accuracy.estimate + 1 / 5_000_000)


def planned(folder: Path, errors: dict[int, int] = ERRORS, **target: float | list[int]) -> Path:
    """A study whose target is confirmed on eight fresh seeds, its grid done."""

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
        return np.arange(1000) < errors[cell["recipe.epochs"]] + (seed - 2)

    plan = {"test_accuracy": 0.987, "confirm": 8, **target}
    return make(folder, "cheap", {"recipe.epochs": list(errors)}, 5, outcome, metrics=cost, target=plan)


def fresh(errors: int) -> Outcome:
    """So many errors, more or less by the seed."""
    return lambda cell, seed, draw: np.arange(1000) < errors + seed % 4 - 1


def test_the_cheapest_cell_by_its_mean_is_confirmed_on_seeds_that_did_not_choose_it(tmp_path: Path) -> None:
    results = planned(tmp_path)
    assert to_confirm(load(results, "cheap")) == ({"recipe.epochs": 2}, list(range(5, 13)))
    (line,), settled = check(results, "cheap")
    assert not settled  # Holm shows cells of this grid, but they were not planned to be judged so
    assert line.startswith("Open: 98.70 % of test accuracy: fresh seeds 5 to 12 of 2 epochs decide, the cheapest")
    listed = planned(tmp_path / "listed", confirm=[100, 7, 9, 8, 11])
    assert to_confirm(load(listed, "cheap")) == ({"recipe.epochs": 2}, [100, 7, 9, 8, 11])


def test_fresh_seeds_alone_decide(tmp_path: Path) -> None:
    results = planned(tmp_path / "results")
    confirm(results, "cheap", {"recipe.epochs": 2}, range(5, 13), fresh(10))
    study = load(results, "cheap")
    errors = [10 + seed % 4 - 1 for seed in range(5, 13)]
    expected = stats.ttest_1samp(errors, 13, alternative="less").pvalue
    attempt = confirmed(study)
    assert attempt and attempt.p == pytest.approx(expected) and to_confirm(study) is None
    (line,), settled = check(results, "cheap")
    assert settled and line.startswith(
        "98.70 % is reached on these test images by 2 epochs: 98.95 [98.85, 99.05] % over 8 fresh seeds (one-sided p < .001), "
    )
    page = write(results, tmp_path / "reports", "cheap")
    table = pd.read_csv(page.parent / "tables" / "target.csv")
    assert list(table["reached"]) == ["no", CHOSEN, BY_MEAN, BY_MEAN, "yes"]
    assert list(table["seeds"]) == ["5", "5", "5", "5", "8 fresh"]
    facts = json.loads((page.parent / "report.json").read_text())["target"]["confirmation"]
    assert facts["chosen_on"] == [0, 1, 2, 3, 4] and facts["on"] == list(range(5, 13)) and facts["reached"] == "yes"


def test_runs_that_confirm_are_in_no_cell_of_the_grid(tmp_path: Path) -> None:
    results = planned(tmp_path / "results")
    before = write(results, tmp_path / "before", "cheap").parent
    confirm(results, "cheap", {"recipe.epochs": 2}, range(5, 13), fresh(10))
    after = write(results, tmp_path / "after", "cheap").parent
    for file in ("tables/cells.csv", "figures/error.csv", "figures/tradeoff.csv"):
        assert (after / file).read_text() == (before / file).read_text()
    assert "of other settings in the folder" not in (after / "report.md").read_text()
    assert json.loads((after / "report.json").read_text())["runs"] == {"ok": 20}


def test_a_confirmation_that_fails_is_said_and_there_is_no_second_try(tmp_path: Path) -> None:
    results = planned(tmp_path)
    confirm(results, "cheap", {"recipe.epochs": 2}, range(5, 13), fresh(12))
    (line,), settled = check(results, "cheap")
    assert (
        not settled and line.startswith("Not confirmed on these test images: 98.70 %") and "one-sided p = .138" in line
    )
    assert to_confirm(load(results, "cheap")) is None


@pytest.mark.parametrize(("fate", "words"), [("diverged", "1 not trained"), ("failed", "1 of them to do")])
def test_fresh_runs_without_a_result_confirm_nothing(fate: str, words: str, tmp_path: Path) -> None:
    results = planned(tmp_path)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return fate if seed == 7 else fresh(5)(cell, seed, draw)

    confirm(results, "cheap", {"recipe.epochs": 2}, range(5, 13), outcome)
    (line,), settled = check(results, "cheap")
    assert not settled and words in line and not line.startswith("Reached")
    assert to_confirm(load(results, "cheap")) == (({"recipe.epochs": 2}, [7]) if fate == "failed" else None)


def test_a_choice_stays_whatever_comes_later(tmp_path: Path) -> None:
    """A cheaper cell whose mean reaches the target, and another target in the grid file, choose nothing else."""
    results = planned(tmp_path)
    confirm(results, "cheap", {"recipe.epochs": 4}, range(5, 13), lambda *_: "missing")
    assert to_confirm(load(results, "cheap")) == ({"recipe.epochs": 4}, list(range(5, 13)))
    planned(tmp_path, test_accuracy=0.98)  # as a grid that was edited writes its study file
    study = load(results, "cheap")
    assert study.file.confirmation and to_confirm(study) == ({"recipe.epochs": 4}, list(range(5, 13)))
    (line,), settled = check(results, "cheap")
    assert not settled and "chose, are of a target of 98.70 %; another target takes a study of its own" in line
    planned(tmp_path, confirm=[])
    assert "which seeds 0 to 4 chose" in check(results, "cheap")[0][0]


def test_nothing_is_chosen_before_the_grid_is_done_or_where_no_mean_reaches(tmp_path: Path) -> None:
    results = planned(tmp_path / "low", {1: 40, 2: 30})
    assert to_confirm(load(results, "cheap")) is None
    assert check(results, "cheap") == (
        ["Not reached: 98.70 % of test accuracy, by the mean of no cell, so that none is confirmed."],
        False,
    )

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        return "failed" if cell["recipe.epochs"] == 8 and seed == 2 else missed(cell, seed, draw)

    plan = {"test_accuracy": 0.987, "confirm": 8}
    make(tmp_path / "open", "cheap", {"recipe.epochs": list(ERRORS)}, 5, outcome, metrics=cost, target=plan)
    assert to_confirm(load(tmp_path / "open", "cheap")) is None
    line = check(tmp_path / "open", "cheap")[0][0]
    assert "when all runs of the grid have finished (1 run missing), 8 fresh seeds of the cheapest cell" in line


def grown(folder: Path, first: int, then: int) -> list[str]:
    """The verdict at so many seeds, read after that at fewer."""
    for seeds in (first, then):
        make(folder, "one", {"recipe.epochs": [2]}, seeds, wavy, metrics=cost, target={"test_accuracy": 0.9868})
        lines, _ = check(folder, "one")
    return lines


def wavy(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    return np.arange(1000) < 12 + (seed % 5 - 2)


def test_seeds_that_are_added_after_a_target_was_read_take_stronger_evidence(tmp_path: Path) -> None:
    (line,) = grown(tmp_path / "once", 10, 10)
    assert line.startswith("Reached on these test images") and "not planned" not in line
    (line,) = grown(tmp_path / "added", 5, 10)
    assert line.startswith("Not shown to be reached")
    assert (
        "(second look, and not planned (read before at 5 seeds), so p is that of a t test which holds at every" in line
    )
    (one,) = attempts(load(tmp_path / "added", "one"))
    errors = np.array([12 + (seed % 5 - 2) for seed in range(10)])
    assert one.trained.earlier == (5,)
    assert one.p == anytime_p_above(t_interval(1 - errors / 1000), 10, 0.9868) > 0.05 > one_sided(errors)
    page = write(tmp_path / "added", tmp_path / "reports", "one")
    assert "Of cells that were read at fewer seeds before" in page.read_text()
    kept = json.loads((tmp_path / "added" / "one" / "looks.json").read_text())["looks"]
    assert [(look["target"]["test_accuracy"], look["target"]["cells"]) for look in kept] == [
        (0.9868, [{"cell": {"recipe.epochs": 2}, "seeds": seeds}]) for seeds in (5, 10)
    ]


def one_sided(errors: npt.NDArray[np.int_]) -> float:
    return float(stats.ttest_1samp(errors, 13.2, alternative="less").pvalue)
