"""Studies are named by name or grid file, and no old claim is judged in silence where its file states another."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.inprocess import resbench as command

import resbench

GRID = """\
name: g
base: {model: {width: 4, depth: 10}, data: {train_size: 64}, recipe: {epochs: 1}}
axes: {model.shortcut: [identity, none]}
claims:
  - {says: fewer, compare: {model.shortcut: none}, to: {model.shortcut: identity}, on: parameters, expect: lower, margin: 0}
"""
RUN = ("run", "g.yaml", "--executor", "serial", "--threads", 1, "-j1", "--no-report")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, before = tmp_path_factory.mktemp("done"), Path.cwd()
    (folder / "g.yaml").write_text(GRID)
    os.chdir(folder)
    try:
        assert command(*RUN)[0] == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def study(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(old: str, new: str) -> None:
    Path("g.yaml").write_text(Path("g.yaml").read_text().replace(old, new))


@pytest.mark.parametrize("name", ["g", "g.yaml"])
def test_an_edited_claim_is_judged_and_marked(name: str, study: Path) -> None:
    before = Path("results/g/study.json").read_bytes()
    assert command("check", name) == (0, command("check", "g")[1], "")
    edit("lower", "higher")
    code, out, err = command("check", name)
    assert code == 1 and "✗ refuted (stated after 2 of 2 runs were recorded): fewer" in out
    assert "its grid file has changed" in err
    assert Path("results/g/study.json").read_bytes() == before  # check only reads
    command("run", "g.yaml")
    assert "stated after 2 of 2 runs" in command("check", name)[1]
    edit("says: fewer", "says: more")
    code, out, _ = command("check", name)
    assert code == 1 and "stated after 2 of 2 runs were recorded): more" in out


def test_other_words_are_no_other_claim(study: Path) -> None:
    edit("says: fewer", "says: not as many")
    code, out, _ = command("check", "g")
    assert code == 0 and out.startswith("✓ supported: not as many")


def test_a_report_takes_the_claims_in(study: Path) -> None:
    edit("lower", "higher")
    assert command("report", "g.yaml")[0] == 0
    assert "stated after 2 of 2 runs were recorded" in Path("reports/g/report.md").read_text()
    claim = json.loads(Path("reports/g/report.json").read_text())["claims"][0]
    assert claim["stated_after"] == {"recorded": 2, "runs": 2}
    assert json.loads(Path("results/g/study.json").read_text())["claims"][0]["expect"] == "higher"
    page = Path("reports/g/report.md").read_bytes()
    assert command("report", "g")[0] == 0 and Path("reports/g/report.md").read_bytes() == page


def test_a_claim_that_comes_with_more_seeds_names_the_runs_of_then(study: Path) -> None:
    edit("axes:", "seeds: 2\naxes:")
    code, out, err = command("check", "g")
    assert code == 0 and "2 new runs" in err and "stated after" not in out
    edit("lower", "higher")
    command(*RUN)
    assert "stated after 2 of 4 runs were recorded" in command("check", "g")[1]


def test_a_file_of_other_cells_is_named(study: Path) -> None:
    edit("[identity, none]", "[identity, none, zero_pad]")
    code, _, err = command("check", "g")
    assert code == 0 and "1 new run," in err and "this is the study as it was run" in err


def test_nonsense_is_a_line_with_its_place(study: Path) -> None:
    edit("lower", "lwoer")
    for name in ("g", "g.yaml"):
        code, out, err = command("check", name)
        assert (code, out) == (2, "") and err.startswith("g.yaml:5: claims: expect: 'lwoer' is not one of")
    assert command("report", "g.yaml")[0] == 2
    Path("g.yaml").write_text("name: [\n")
    code, _, err = command("check", "g.yaml")
    assert code == 2 and err.startswith("g.yaml:")
    assert "cannot be read" in command("check", "nosuch.yaml")[2]


def test_a_file_that_moved_can_be_given(study: Path) -> None:
    Path("g.yaml").rename("moved.yaml")
    assert command("check", "g")[::2] == (0, "")
    assert command("check", "moved.yaml")[::2] == (0, "")
    assert command("status", "moved.yaml")[1].startswith("g: 2 runs: 2 ok")
    assert command("compare", "moved.yaml", "--to", "model.shortcut=none", "--on", "flops")[0] == 0


def test_a_study_of_another_machine_has_no_command_and_its_file_next_to_the_results(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree("results/g/.work")
    edit("lower", "higher")
    monkeypatch.chdir("/")
    code, out, _ = command("check", "g", "--results", study / "results")
    assert code == 1 and "stated after 2 of 2 runs" in out


def test_a_grid_in_python_is_judged_by_its_own_claims(study: Path) -> None:
    assert resbench.check(resbench.read_grid("g.yaml")).supported
    edit("lower", "higher")
    checked = resbench.check(resbench.read_grid("g.yaml"))
    assert not checked.supported and "stated after 2 of 2" in checked.lines[0]
    with pytest.raises(resbench.UserError, match="read_grid"):
        resbench.check("g.yaml")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["compare", "g", "--to", "model.shortcut=none", "--on", "seconds"], "time depends on the machine"),
        (["plan", "g.yaml", "trials=3"], "trials"),
    ],
)
def test_what_was_meant_is_named(words: list[str], text: str, study: Path) -> None:
    code, _, err = command(*words)
    assert code == 2 and text in err


def test_parts_of_a_grid_that_are_half_written_are_shown(study: Path) -> None:
    Path("g.yaml").write_text(GRID.replace(", expect: lower", "").replace("says: fewer, ", "") + "trials: 3\n")
    _, _, err = command("plan", "g.yaml", "--data-dir", study)
    assert "g.yaml:5: claims: expect, says are missing" in err and "belongs to a search file" in err
