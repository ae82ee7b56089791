"""What is committed of results: pages are what the records give, and the README says nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = {".md", ".json", ".csv", ".tex"}  # figures and pages with figures are the same bytes for one matplotlib only
ROW = re.compile(r"^\| \[(?P<study>[\w-]+)\]\(reports/(?P=study)/report\.md\) (?P<rest>\|.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All reports, written anew from the committed records."""
    reports = tmp_path_factory.mktemp("again") / "reports"
    command = [sys.executable, "-m", "resbench", "report", "--results", "results", "--reports", str(reports)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return reports


@pytest.fixture(scope="module")
def opening() -> str:
    """The README up to its first heading: the question and the answer."""
    return (ROOT / "README.md").read_text().partition("\n## ")[0]


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts}


def test_the_committed_pages_are_what_the_records_give(again: Path) -> None:
    committed = ROOT / "reports"
    assert files(again) == files(committed)
    differing = [
        str(path)
        for path in sorted(files(again))
        if path.suffix in TEXTS and (again / path).read_bytes() != (committed / path).read_bytes()
    ]
    assert not differing


def test_pages_are_the_same_bytes_on_another_processor(again: Path, tmp_path: Path) -> None:
    """Linear algebra in other instructions, as NumPy would choose them on an older processor."""
    names = ("norm", "depth")  # their figures have analyses of variance and marginal means
    command = [sys.executable, "-m", "resbench", "report", *names, "--results", "results", "--reports", str(tmp_path)]
    older = os.environ | {"OPENBLAS_CORETYPE": "Haswell"}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=older)
    for name in names:
        assert files(tmp_path / name) == files(again / name)
        assert not [
            p for p in files(again / name) if (tmp_path / name / p).read_bytes() != (again / name / p).read_bytes()
        ]


def test_every_row_of_the_answer_is_a_verdict_on_the_records(again: Path, opening: str) -> None:
    sections = re.split(r"^\[", (again / "README.md").read_text(), flags=re.MULTILINE)
    rows = list(ROW.finditer(opening))
    assert len(rows) >= 5 and len(rows) == len(re.findall(r"^\| \[", opening, re.MULTILINE))
    for row in rows:
        (section,) = (text for text in sections if text.startswith(f"{row['study']}]"))
        assert row["rest"] in section
        claim = row["rest"].split(" | ")[0] + " |"  # of a claim with several comparisons all are shown, or none
        assert opening.count(f"/report.md) {claim}") == section.count(f"\n{claim}")


def test_every_number_of_the_answer_stands_on_a_page_that_it_names(again: Path, opening: str) -> None:
    prose = ROW.sub("", opening)
    pages = [again / name / "report.md" for name in re.findall(r"\(reports/([\w-]+)/report\.md\)", opening)]
    known = {number for page in pages for number in numbers(page.read_text())}
    found = [number for number in numbers(prose) if "." in number or "," in number]
    assert found
    assert not [number for number in found if number not in known]


def numbers(text: str) -> list[str]:
    """Numbers as they are written, with their sign."""
    return re.findall(r"[+−]?\d(?:[\d,.]*\d)?(?:e[+-]\d+)?", text)
