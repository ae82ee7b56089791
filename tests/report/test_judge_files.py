"""`resbench judge`: two files of results, judged as two cells of a study are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from support.faults import ROOT
from support.inprocess import resbench

from resbench import judge
from resbench.report.judge import judge as judge_study
from resbench.report.looks.anytime import anytime_difference_p
from resbench.report.study import load

RNG = np.random.default_rng(5)
THEIRS = list(RNG.normal(0.5, 0.05, 12))
OURS = [value - 0.05 + 0.04 * float(noise) for value, noise in zip(THEIRS, RNG.normal(0, 1, 12), strict=True)]


def write(path: Path, values: Sequence[object], metric: str = "loss") -> Path:
    path.write_text(f"seed,{metric}\n" + "".join(f"{seed},{value}\n" for seed, value in enumerate(values)))
    return path


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    return write(Path("ours.csv"), OURS[:6]), write(Path("theirs.csv"), THEIRS)


def test_runs_are_paired_by_seed_and_the_exit_code_is_the_verdict(pair: tuple[Path, Path]) -> None:
    ours, theirs = pair
    code, out, err = resbench("judge", ours, theirs)
    expected = ttest_rel(OURS[:6], THEIRS[:6])
    judged = judge(ours, theirs, page=False)
    assert judged.comparison.p_holm == pytest.approx(expected.pvalue) and expected.pvalue < 0.05
    interval = judged.comparison.contrast and judged.comparison.contrast.interval
    assert interval and interval[1:3] == pytest.approx(tuple(expected.confidence_interval()))
    assert code == 0 and not err and out.startswith("✓ supported: ours has a lower loss than theirs\n")
    assert (
        "margin: none" in out and "looks so far: 1, at 6 seeds\n" in out and "note: only in theirs: seeds 6, 7" in out
    )
    page = Path(out.splitlines()[-1].removeprefix("page: "))
    assert page == Path("judged/ours-against-theirs/index.html") and "ours has a lower loss" in page.read_text()
    assert "ours-against-theirs" in Path("judged/index.html").read_text()
    code, out, err = resbench("judge", theirs, ours, "--no-page")
    assert code == 1 and not err and out.startswith("✗ refuted: theirs has a lower loss than ours\n")
    assert resbench("judge", ours, theirs, "--no-page", "--expect", "equivalent", "--margin", "1")[0] == 0


def test_seeds_that_are_added_after_a_verdict_make_its_p_larger(pair: tuple[Path, Path]) -> None:
    ours, theirs = pair
    first = [judge(ours, theirs, page=False) for _ in range(2)]
    assert [one.looks for one in first] == [[6], [6]]
    write(ours, OURS)
    second = judge(ours, theirs, page=False)
    assert second.looks == [6, 12] and second.comparison.contrast
    assert second.comparison.p_holm == anytime_difference_p(second.comparison.contrast, "lower")
    assert second.comparison.p_holm > second.comparison.contrast.p
    assert judge(theirs, ours, expect="higher", page=False).looks == [6, 12]  # in whatever order they are given
    assert judge(ours, theirs, out="elsewhere", page=False).looks == [12]  # it has a memory of its own
    write(ours, [value + 0.001 for value in OURS])  # another experiment has taken its place
    assert judge(ours, theirs, page=False).looks == [12]
    write(ours, OURS)
    assert judge(ours, theirs, page=False).looks == [6, 12]  # and was not forgotten
    write(ours, OURS[:10])
    fewer = judge(ours, theirs, page=False)
    assert fewer.looks == [6, 12, 10] and "gone or have other numbers now: seeds 10, 11" in fewer.notes[-1]
    Path("judged/looks.json").write_text("{")
    code, out, _ = resbench("judge", ours, theirs, "--no-page")
    assert code in (0, 1) and "note: looks.json is damaged" in out


def test_verdicts_of_files_are_those_of_the_cells_that_they_were_made_from(tmp_path: Path) -> None:
    study = load(ROOT / "results", "head")
    verdict = judge_study(study)[0]
    (known,) = verdict.contrasts
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, arm in zip(paths, known.arms, strict=True):
        rows = []
        for seed, run_id in arm.ended.items():
            predictions = study.by_id[run_id].predictions
            assert predictions
            wrong = np.flatnonzero(predictions.errors()).tolist()
            rows.append({"seed": seed, "images": predictions.images, "wrong": wrong})
        path.write_text(json.dumps(rows))
    claim = verdict.claim
    judged = judge(*paths, expect=claim.expect, margin=claim.margin, page=False)
    assert judged.comparison.contrast == known.contrast and known.contrast and known.contrast.components
    assert (judged.verdict.state, judged.comparison.p_holm) == (verdict.state, known.p_holm)


def test_a_file_says_the_same_in_every_form(tmp_path: Path) -> None:
    wrong = {seed: sorted(map(int, RNG.choice(40, 5 + seed % 3, replace=False))) for seed in range(6)}
    rows = [
        {"seed": seed, "images": 40, "wrong": images, "test_error": len(images) / 40} for seed, images in wrong.items()
    ]
    texts = {
        "a.json": json.dumps(rows),
        "b.jsonl": "\n".join(map(json.dumps, rows)),
        "c.json": json.dumps({name: [row[name] for row in rows] for name in rows[0]}),
        "d.csv": "seed;images;wrong\n" + "".join(f"{seed};40;{' '.join(map(str, w))}\n" for seed, w in wrong.items()),
        "e.tsv": "seed\timage\tcorrect\n"
        + "".join(f"{seed}\t{image}\t{int(image not in w)}\n" for seed, w in wrong.items() for image in range(40)),
    }
    other = tmp_path / "other.csv"
    other.write_text("seed,images,wrong\n" + "".join(f"{seed},40,{' '.join(map(str, range(9)))}\n" for seed in wrong))
    found = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        found.append(judge(tmp_path / name, other, page=False).comparison.contrast)
    assert found[0] and found[0].images == 40 and found.count(found[0]) == len(texts)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "f.parquet")
    assert judge(tmp_path / "f.parquet", other, page=False).comparison.contrast == found[0]


def test_runs_that_did_not_train_are_the_worst_and_those_that_did_not_end_open_the_verdict(
    pair: tuple[Path, Path],
) -> None:
    ours, theirs = pair
    write(theirs, [*THEIRS[:2], *["nan", "inf", "diverged"] * 3, THEIRS[11]])
    write(ours, OURS)
    code, out, _ = resbench("judge", ours, theirs, "--no-page")
    assert code == 0 and "counted as the worst" in out and "note: did not train in theirs: seeds 2, 3" in out
    write(ours, [*OURS[:11], ""])
    write(theirs, THEIRS)
    code, out, _ = resbench("judge", ours, theirs, "--no-page")
    assert code == 1 and "interim: 1 run is missing" in out and "note: no number yet in ours: seed 11" in out
    write(ours, OURS[:4])
    assert resbench("judge", ours, theirs, "--no-page")[1].startswith("… 4 of ")


BOTH = "seed,loss,accuracy\n0,0.5,0.9\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "words", "said"),
    [
        (BOTH, BOTH, [], "both files have loss, accuracy: say which one counts, such as --on loss"),
        (
            BOTH,
            BOTH,
            ["--on", "accuracy"],
            "accuracy: more of it is better, and by default less is claimed: say --expect",
        ),
        (
            BOTH,
            BOTH,
            ["--on", "los"],
            "--on los: not a column of numbers in both files; those are loss, accuracy (did you",
        ),
        (BOTH, BOTH, ["--on", "loss", "--expect", "less"], "--expect less: not one of lower, higher,"),
        (BOTH, BOTH, ["--on", "loss", "--expect", "equivalent"], "--expect equivalent: needs --margin, the smallest"),
        (BOTH, BOTH, ["--on", "loss", "--margin", "-1"], "--margin -1: use the smallest difference that matters"),
        (
            BOTH,
            "seed,error\n0,1\n",
            [],
            "the files share no column of numbers: ours.csv has loss, accuracy; theirs.csv",
        ),
        ("Seed,loss\n0,1\n", BOTH, [], "ours.csv: no column seed (did you mean 'Seed'?); its columns are Seed, loss"),
        ('seed,loss\n0,"0,5"\n', BOTH, [], "ours.csv: no column of numbers next to seed: ours.csv:2: loss is '0,5'"),
        ("seed,loss\n0,1\n0,2\n", BOTH, [], "ours.csv:3: seed 0 stands on 2 too: one row for each seed"),
        ("seed,loss\n0.5,1\n", BOTH, [], "ours.csv:2: seed: '0.5' should be a whole number"),
        ("seed,loss\n0\n", BOTH, [], "ours.csv:2: not 2 values, as many as the first line has names"),
        ("", BOTH, [], "ours.csv: no rows: it needs a column seed and at least one column of numbers"),
        (
            "seed,test_error\n0,3.1\n",
            "seed,test_error\n0,3.2\n",
            [],
            "ours.csv:2: test_error 3.1: should be a share from 0",
        ),
        ("seed,wrong\n0,3 4\n", BOTH, [], "ours.csv:2: wrong without images: add a column images"),
        (
            "seed,images,wrong\n0,4,4\n",
            BOTH,
            [],
            "ours.csv:2: wrong: each image once, from 0 to 3, as there are 4 images",
        ),
        (
            "seed,images,wrong,test_error\n0,4,1,0.5\n",
            "seed,images,wrong,test_error\n0,4,1,0.25\n",
            [],
            "ours.csv:2: test_error 0.5, but 1 of 4 images are wrong, which is 0.25",
        ),
        (
            "seed,images,wrong\n0,4,1\n",
            "seed,images,wrong\n0,5,1\n",
            [],
            "their test images are not the same (4 and 5)",
        ),
        ("seed,image,wrong\n0,0,2\n", BOTH, [], "ours.csv:2: wrong: '2' should be 0 or 1"),
    ],
)
def test_a_mistake_is_one_line(
    ours: str, theirs: str, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.csv").write_text(ours)
    Path("theirs.csv").write_text(theirs)
    code, out, err = resbench("judge", "ours.csv", "theirs.csv", *words)
    assert (code, out) == (2, "") and said in err and len(err.splitlines()) == 1, err
    assert not Path("judged").exists()
