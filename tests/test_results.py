"""What is committed of results: pages are what the records give, and the README says nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from gpu.table import page_of

import resbench
from resbench.report.page.navigation import without_line

ROOT = Path(__file__).parents[1]
HERO = Path("depth/figures/training.png")  # which the README shows
GPU = Path("gpu/report.md")  # of the checks of a card, which `report` leaves alone
TEXTS = {".md", ".json"}  # figures and pages with figures are the same bytes for one matplotlib only
ROW = re.compile(r"^\| \[(?P<study>[\w-]+)\]\(reports/(?P=study)/report\.md\) (?P<rest>\|.*)$", re.MULTILINE)


def committed(folder: str) -> set[Path]:
    """Files that git has below a folder of the repository, whatever else lies there."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--", folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {Path(name).relative_to(folder) for name in names.stdout.split("\0") if name}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed records."""
    folder = tmp_path_factory.mktemp("committed") / "results"
    for path in committed("results"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "results" / path, folder / path)
    return folder


@pytest.fixture(scope="module")
def project(results: Path) -> Path:
    """A folder with the committed grid files next to the results, as pages link to both."""
    shutil.copytree(ROOT / "ablations", results.parent / "ablations")
    return results.parent


@pytest.fixture(scope="module")
def again(project: Path) -> Path:
    """All reports, written again from the committed records."""
    reports = project / "reports"
    (reports / GPU).parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "reports" / GPU, reports / GPU)  # the index names it where it is there
    run_report(project)
    return reports


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def answer(readme: str) -> str:
    """What the README says of results: its sections with the answer, and with the article."""
    sections = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", readme, re.MULTILINE))
    return sections["The answer"] + sections["The article of 2016"]


def run_report(folder: Path, *names: str, **variables: str) -> None:
    """`resbench report` in a folder, with the code of the repository."""
    code = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-m", "resbench", "report", *names]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=code)


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts}


def test_the_committed_pages_are_what_the_records_give(again: Path) -> None:
    kept = {path for path in files(again) if path.suffix in {".md", ".json", ".svg"} and path.name != "thumb.svg"}
    assert committed("reports") == kept | {HERO}
    assert without_line((ROOT / "reports" / GPU).read_text()) == page_of(ROOT / "results")
    for path in sorted(kept):
        if path.suffix in TEXTS:
            assert (again / path).read_bytes() == (ROOT / "reports" / path).read_bytes(), path


def test_every_page_is_below_a_megabyte(again: Path) -> None:
    sizes = {path.parent.name: path.stat().st_size for path in again.glob("*/index.html")}
    assert len(sizes) > 15 and not {name: size for name, size in sizes.items() if size >= 1_000_000}


def test_pages_link_to_nothing_that_the_repository_lacks() -> None:
    present = committed(".")
    folders = {folder for path in present for folder in path.parents}
    for page in sorted(Path("reports") / path for path in committed("reports") if path.suffix == ".md"):
        for link in re.findall(r"\]\(<?([^)>#:]+)>?\)", (ROOT / page).read_text()):
            assert Path(os.path.normpath(page.parent / link)) in present | folders, (page, link)


def test_the_readme_shows_a_figure_that_is_there_and_says_what_its_page_says(again: Path, readme: str) -> None:
    images = dict(re.findall(r"!\[(.*)\]\(reports/(.*)\)", readme))
    assert {Path(path) for path in images.values()} == {HERO} <= committed("reports")
    page = (again / "depth" / "report.md").read_text()
    (title,) = images
    assert f"### {title}\n" in page and page.index(title) < page.index("figures/error.svg")


def test_pages_are_the_same_bytes_on_another_processor(project: Path, again: Path, tmp_path: Path) -> None:
    """Linear algebra in other instructions, as NumPy would choose them on an older processor; next to the other pages."""
    names = ("norm", "depth")  # their figures have analyses of variance and marginal means
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    run_report(tmp_path, *names, OPENBLAS_CORETYPE="Haswell")
    other = tmp_path / "reports"
    assert files(other) == files(again)
    assert not [path for path in files(again) if (other / path).read_bytes() != (again / path).read_bytes()]


def test_every_row_of_the_answer_is_a_verdict_on_the_records(again: Path, answer: str) -> None:
    sections = re.split(r"^\[", (again / "README.md").read_text(), flags=re.MULTILINE)
    rows = list(ROW.finditer(answer))
    assert len(rows) == 10 and len(rows) == len(re.findall(r"^\| \[", answer, re.MULTILINE))
    for row in rows:
        (section,) = (text for text in sections if text.startswith(f"{row['study']}]"))
        assert row["rest"] in section
        claim = row["rest"].split(" | ")[0] + " |"  # of a claim with several comparisons all are shown, or none
        assert answer.count(f"/report.md) {claim}") == section.count(f"\n{claim}")


def mean(study: str, column: str, **cell: object) -> float:
    """Over the seeds of a cell that is named by the last word of each of its axes."""
    rows = resbench.load(ROOT / "results" / study)
    for axis, value in cell.items():
        (name,) = (name for name in rows.columns if name.partition(".")[2] == axis)
        rows = rows[rows[name] == value]
    assert len(rows) >= 1 and (rows["status"] == "ok").all()
    return float(rows[column].mean())


def errors(depth: int, shortcut: str) -> float:
    """In 10,000, of the study of depth."""
    return 1e4 * mean("depth", "metrics.test_error", depth=depth, shortcut=shortcut)


def at_the_start(depth: int, shortcut: str) -> float:
    """Decades between the gradients of the first and the last layer."""
    column = "metrics.probe.gradient_decades"
    return mean("why-mnist", column, depth=depth, shortcut=shortcut, grow="none")


def best_plain_of_width_8() -> float:
    """Test accuracy of the best of five networks of 100 plain layers, in percent; the third of them learns little less."""
    rows = resbench.load(ROOT / "results" / "why-mnist")
    cell = (rows["model.depth"] == 100) & (rows["model.shortcut"] == "none") & (rows["recipe.grow"] == "none")
    learned = sorted(100 * rows[cell]["metrics.test_accuracy"])
    assert len(learned) == 5 and learned[2] < 25 < 40 < learned[3]
    return float(learned[4])


def tuned_errors(width: int, clip: object) -> float:
    """In 10,000, of plain networks of 100 layers; the tuned recipes clip gradients, the base recipe does not."""
    return 1e4 * mean("tune-plain-100", "metrics.test_error", width=width, grad_clip=clip)


def learned(branch: str) -> float:
    """Test accuracy of 1,000 layers without a norm, in percent."""
    return 100 * mean("thousand", "metrics.test_accuracy", branch=branch)


def fixup_range() -> tuple[float, float]:
    """The worst and the best of five seeds, in percent."""
    rows = resbench.load(ROOT / "results" / "thousand")
    accuracies = 100 * rows[rows["model.branch"] == "fixup"]["metrics.test_accuracy"]
    assert len(accuracies) == 5
    return float(accuracies.min()), float(accuracies.max())


def may_be_lost() -> float:
    """Points of test error that 100 residual layers may lose to 34: the margin of the claim, which the interval reaches."""
    page = json.loads((ROOT / "reports" / "depth" / "report.json").read_text())
    (claim,) = (one for one in page["claims"] if one["says"].startswith("a residual network of 100 layers is no worse"))
    (contrast,) = claim["contrasts"]
    assert claim["verdict"] == "inconclusive" and contrast["crossed_high"] > contrast["margin"]
    return 100 * float(contrast["margin"])


def accuracy(study: str, depth: int, shortcut: str) -> float:
    """In percent."""
    return 100 * mean(study, "metrics.test_accuracy", depth=depth, shortcut=shortcut)


def published(study: str, depth: int, shortcut: str) -> float:
    """In percent, from the grid file."""
    stated = json.loads((ROOT / "results" / study / "study.json").read_text())["published"]
    at = {"model.depth": depth, "model.shortcut": shortcut}
    (value,) = (one["value"] for one in stated if one["at"] == at)
    return 100 * float(value)


SAID: list[tuple[str, Callable[[], Sequence[float]]]] = [
    (
        "not even the training images, of which they get # % right",
        lambda: [100 * mean("depth", "metrics.train_accuracy", depth=100, shortcut="none")],
    ),
    (
        "With identity shortcuts they make # errors in 10,000, about as many as 22 layers (#) and 34 (#)",
        lambda: [errors(depth, "identity") for depth in (100, 22, 34)],
    ),
    ("a loss of # points is not ruled out", lambda: [may_be_lost()]),
    ("two learn a little, up to # % of the test images", lambda: [best_plain_of_width_8()]),
    (
        "make # errors in 10,000 at 22 layers, # at 34, # at 58 and # at 100",
        lambda: [errors(depth, "none") for depth in (22, 34, 58, 100)],
    ),
    ("At 100 layers projections on all shortcuts help only partly (# errors)", lambda: [errors(100, "projection")]),
    (
        "At 34 layers, width 8 and # images or fewer",
        lambda: [mean("norm", "data.train_size", norm="batch", shortcut="identity")],
    ),
    (
        "ten epochs of # images lead to # errors in 10,000 at width 16 and # at width 8, against # and # of the base recipe",
        lambda: [
            mean("tune-plain-100", "data.train_size", width=16),
            *(tuned_errors(width, clip) for clip in (1.0, "none") for width in (16, 8)),
        ],
    ),
    (
        "# layers learn without any norm where branches start at zero or near it**: of the test images ReZero gets # % right "
        "after three epochs of # images, SkipInit # %, Fixup # % (five seeds from # to # %)",
        lambda: [
            mean("thousand", "model.depth", branch="rezero"),
            learned("rezero"),
            mean("thousand", "data.train_size", branch="rezero"),
            learned("skipinit"),
            learned("fixup"),
            *fixup_range(),
        ],
    ),
    (
        "of 100 plain layers is # decades (powers of ten) from that of the last; with shortcuts the distance is #",
        lambda: [at_the_start(100, "none"), at_the_start(100, "identity")],
    ),
    ("34 plain layers begin at # and train", lambda: [at_the_start(34, "none")]),
    (
        "34 layers reach # % with shortcuts and # % without (three epochs, two seeds), 100 layers # % with and # % without",
        lambda: [accuracy("seed-claims", depth, arm) for depth in (34, 100) for arm in ("identity", "none")],
    ),
    (
        "The article has # and # % at 34 layers, and # % at 100",
        lambda: [published("seed-claims", *at) for at in ((34, "identity"), (34, "none"), (100, "identity"))],
    ),
    ("how little training reaches its # % on these test images", lambda: [published("seed-claims", 100, "identity")]),
]
NUMBER = r"[+−]?(?:\.\d+|\d(?:[\d,.]*\d)?(?:e[+−-]\d+)?)"


def test_every_number_of_the_answer_is_what_the_records_give(answer: str) -> None:
    prose = " ".join(ROW.sub("", answer).split())
    for phrase, values in SAID:
        found = re.search(re.escape(phrase).replace(r"\#", f"({NUMBER})"), prose)
        assert found, phrase
        shown = [number.replace(",", "").replace("−", "-") for number in found.groups()]
        for number, value in zip(shown, values(), strict=True):
            last = Decimal(number).as_tuple().exponent
            assert abs(float(number) - value) <= 0.5000001 * 10.0 ** int(last), (phrase, number, value)
        prose = prose.replace(found[0], "")
    assert not [number for number in re.findall(NUMBER, prose) if re.search("[.,e]", number)]
