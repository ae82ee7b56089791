"""The page that leads to all others, the links between them, and a page that two studies share, on made-up studies of known truth."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support.chromium import EXECUTABLE, Browser
from support.inprocess import resbench
from support.studies import HELPS, make, noise, with_accuracies

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.records.store import Store
from resbench.records.study_file import Story, StudyFile
from resbench.report import write, write_index

ORDER = ["alpha", "zeta", "large", "small", "empty", "mine"]  # by place; then those of no story, by name
CLAIM: dict[str, Any] = {"says": "deeper is smaller", "compare": {"model.depth": 22}, "to": {"model.depth": 10}}
CLAIM |= {"at": {}, "on": "parameters", "expect": "lower", "margin": 0.0}
AXES: dict[str, list[Any]] = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}


FIRST = ("thumb.svg", "error.svg", "small-error.svg")


def tell(results: Path, name: str, **story: Any) -> None:
    """Give a study a story."""
    store = Store(results / name)
    file = store.study()
    assert file
    store.write_study(StudyFile.from_json(file.to_json() | {"story": story}))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("story")
    results, reports = folder / "results", folder / "reports"
    (folder / "ablations").mkdir()
    (folder / "ablations" / "alpha.yaml").write_text("name: alpha\n")
    one: dict[str, list[Any]] = {"model.depth": [10, 22]}
    for name in ("mine", "zeta", "alpha", "empty"):
        fields = {"about": f"Question: is {name} right? Yes.", "claims": [CLAIM] if name == "alpha" else []}
        with_accuracies(results, name, one, lambda *_, name=name: "missing" if name == "empty" else 0.9, **fields)
    tell(results, "alpha", chapter="First", place=1)
    tell(results, "zeta", chapter="Second", place=2.5)
    for name, data, helped, high in (("large", "mnist", (10, 34), 0.06), ("small", "mnist-5k", (34,), 0.09)):
        rate = noise(
            lambda cell, on=helped, high=high: (
                0.02 if cell["model.shortcut"] == "identity" and cell["model.depth"] in on else high
            )
        )
        claims = [HELPS | {"margin": 0.5}]
        make(results, name, AXES | {"data.name": [data]}, 5, rate, claims, {"model.shortcut": "none"})
    tell(results, "small", chapter="Second", place=4)
    tell(results, "large", chapter="Second", place=3, page="small")
    for name in ("mine", "zeta", "alpha", "empty", "small"):
        write(results, reports, name)
    write_index(results, reports)
    return reports


def listed(reports: Path) -> list[str]:
    return re.findall(r"^\[([\w-]+)\]\(<", (reports / "README.md").read_text(), re.MULTILINE)


def section(reports: Path, name: str) -> str:
    """What the index says of a study."""
    (text,) = (
        text
        for text in re.split(r"^\[", (reports / "README.md").read_text(), flags=re.M)
        if text.startswith(f"{name}]")
    )
    return text


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.targets += [
            target for key in ("href", "src") if (target := found.get(key)) and not target.startswith("data:")
        ]
        self.ids |= {found["id"] or ""} if "id" in found else set()


def dead_links(reports: Path) -> list[tuple[str, str]]:
    """Relative links of pages that lead to no file, or to no place on it."""
    pages = {path: Links(path.read_text()) for path in reports.rglob("*.html")}
    dead = []
    for page, links in pages.items():
        for target in links.targets:
            path, _, place = unquote(target).partition("#")
            there = (page.parent / path).resolve() if path else page.resolve()
            known = next((found.ids for one, found in pages.items() if one.resolve() == there), None)
            if not there.exists() or (
                place and known is not None and place not in known and not target.startswith(("#n.", "#runs="))
            ):
                dead.append((str(page), target))
    for page in reports.rglob("*.md"):
        for target in re.findall(r"\]\(<?([^)>#]+)>?\)|<img src=\"([^\"]+)\"", page.read_text()):
            if not (page.parent / unquote("".join(target))).exists():
                dead.append((str(page), "".join(target)))
    return dead


def outside(page: Path) -> list[str]:
    """Where the page leads out of its folder."""
    return [one for one in Links(page.read_text()).targets if one[0] == "."]


def test_studies_stand_in_the_order_of_the_story_and_the_others_after_them(reports: Path) -> None:
    assert listed(reports) == ORDER
    page = (reports / "index.html").read_text()
    assert re.findall(r"<h2[^>]*>(?:<a[^>]*>)?([^<]+)<", page) == ["First", "Second", "More studies"]
    assert re.findall(r'<article class="card" id="study-(\w+)"', page) == ["alpha", "zeta", "small", "empty", "mine"]
    assert "Is alpha right?" in section(reports, "alpha") and "**= 1 equivalent**" in section(reports, "alpha")
    assert "No run yet" in section(reports, "empty") and "Done" in section(reports, "zeta")


def test_every_link_of_every_page_leads_somewhere(reports: Path) -> None:
    assert dead_links(reports) == []
    first, last = (
        [one for one in Links((reports / name / "index.html").read_text()).targets if one.startswith("../")]
        for name in ("alpha", "mine")
    )
    line = ["../index.html#study-alpha", "../zeta/index.html", "../../ablations/alpha.yaml", "../../results/alpha"]
    assert first[:4] == line and first[-4:] == line  # at the top and at the bottom
    assert last[:3] == ["../index.html#study-mine", "../empty/index.html", "../../results/mine"]


def test_links_follow_when_a_page_goes_and_comes(reports: Path, tmp_path: Path) -> None:
    shutil.copytree(reports.parent, tmp_path, dirs_exist_ok=True)
    results, copy = tmp_path / "results", tmp_path / "reports"
    before = {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    shutil.move(copy / "zeta", tmp_path / "zeta")
    write_index(results, copy)
    assert dead_links(copy) == [] and "../small/index.html" in (copy / "alpha" / "index.html").read_text()
    shutil.move(tmp_path / "zeta", copy / "zeta")
    write_index(results, copy)
    assert {path: (copy / path).read_bytes() for path in before} == before
    alone = tmp_path / "elsewhere" / "reports"  # not next to the results, so that their records are not linked
    write(results, alone, "alpha")
    rules = "../how-verdicts-are-decided/index.html"
    assert set(outside(alone / "alpha" / "index.html")) == {rules}
    write_index(results, alone)
    assert dead_links(alone) == []
    ours = [one for one in outside(alone / "alpha" / "index.html") if one != rules]
    assert ours == ["../index.html#study-alpha"] * 2


def test_a_broken_study_keeps_its_card_and_an_unreadable_card_says_what_to_do(reports: Path, tmp_path: Path) -> None:
    shutil.copytree(reports.parent, tmp_path, dirs_exist_ok=True)
    results, copy = tmp_path / "results", tmp_path / "reports"
    before = section(copy, "zeta")
    (results / "zeta" / "study.json").write_text('{"half')
    (copy / "mine" / "report.json").write_text('{"schema": 1}')
    said: list[str] = []
    write_index(results, copy, said.append)
    assert section(copy, "zeta") == before and len(said) == 1 and "zeta/study.json: damaged" in said[0]
    assert "`resbench report mine` writes it again" in section(copy, "mine")
    shutil.rmtree(copy / "small")
    write_index(results, copy)
    assert "It stood on the page of small, which is gone" in section(copy, "large")


def test_two_studies_of_one_question_share_a_page(reports: Path) -> None:
    text = (reports / "small" / "report.md").read_text()
    opening, _, rest = text.partition("## On the small MNIST")
    assert "# Small?" not in opening and opening.startswith(
        "# Large?\n\nStudy large and small\n"
    )  # the first in the story opens
    assert "On the small MNIST (study small) 1 of 2 shared verdicts is the same; 1 differs." in opening
    assert "- Shortcuts help at each depth (10 layers): supported on MNIST, equivalent on the small MNIST." in opening
    assert "Shortcuts help at each depth (34 layers): supported." in opening
    assert "## Claims on the small MNIST" in rest and "figures/small-error.svg" in rest
    assert {"error.svg", "small-error.svg", "small-error.csv"} <= {
        path.name for path in (reports / "small/figures").iterdir()
    }
    titles = [re.findall("<title>(.*?)</title>", (reports / "small/figures" / name).read_text())[0] for name in FIRST]
    assert titles[0] == titles[1] != titles[2]  # the small picture is that of the study that opens the page
    assert "[small](<../small/report.md>)" in (reports / "large" / "report.md").read_text()
    assert (reports / "large" / "report.json").is_file() and "1 of 2 shared verdicts" in section(reports, "small")


def test_either_name_writes_the_shared_page(reports: Path, tmp_path: Path) -> None:
    shutil.copytree(reports.parent / "results", tmp_path / "results")
    assert write(tmp_path / "results", tmp_path / "reports", "large") == tmp_path / "reports" / "small" / "index.html"
    write_index(tmp_path / "results", tmp_path / "reports")
    assert dead_links(tmp_path / "reports") == [] and listed(tmp_path / "reports") == ["large", "small"]
    body = (tmp_path / "reports" / "small" / "report.md").read_text().split("\n\n", 3)[3].rpartition("\n\n")[0]
    assert body in (reports / "small" / "report.md").read_text()  # all but the line of links
    shutil.rmtree(tmp_path / "results" / "small")  # then there is nothing to share
    assert write(tmp_path / "results", tmp_path / "reports", "large") == tmp_path / "reports" / "large" / "index.html"


def test_a_story_of_a_grid_file_reaches_the_study_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grid = "name: g\naxes: {model.depth: [10, 22]}\nseeds: 1\n"
    Path("g.yaml").write_text(grid)
    file = read_grid("g.yaml").study()
    Store(Path("results/g")).write_study(file)
    Path("g.yaml").write_text(grid + "story: {chapter: 'Does depth hurt?', place: 1}\n")
    code, _, err = resbench("report", "g")
    assert code == 0 and "story" in err
    told = Store(Path("results/g")).study()
    assert told and told.story == Story(chapter="Does depth hurt?", place=1) and told.runs == file.runs
    assert "## Does depth hurt?" in Path("reports/README.md").read_text()


def test_mistakes_in_a_story_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(
        "name: g\naxes: {model.depth: [10]}\nstory: {chaptr: x, place: first, page: ../x}\n"
    )
    with pytest.raises(UserError) as error:
        read_grid(tmp_path / "g.yaml")
    lines = error.value.lines
    assert len(lines) == 3 and all("g.yaml:3: story: " in line for line in lines)
    assert (
        "did you mean 'chapter'?" in lines[0] and "'../x' is not a name" in lines[1] and "'first' should be" in lines[2]
    )


@pytest.mark.skipif(not EXECUTABLE, reason="no Chromium")
def test_the_index_shows_its_pictures_in_a_browser(reports: Path, tmp_path: Path) -> None:
    browser = Browser(tmp_path / "profile")
    try:
        for width, dark in ((1280, False), (390, True)):
            browser.open(reports / "index.html", width, dark=dark)
            assert browser.run("[...document.images].every((one) => one.complete && one.naturalWidth > 0)") is True
            assert browser.run("document.images.length") == 4  # nothing is drawn of a study without runs
            assert browser.run("document.images[0].getBoundingClientRect().bottom") < 900
            assert browser.run("document.documentElement.scrollWidth") == width
        assert browser.complaints == []
    finally:
        browser.close()


def test_the_index_shows_the_figure_in_the_form_that_a_small_place_can_hold(reports: Path, tmp_path: Path) -> None:
    shutil.copytree(reports.parent, tmp_path, dirs_exist_ok=True)
    copy = tmp_path / "reports"
    thumb, text = copy / "small" / "figures" / "thumb.svg", (copy / "README.md").read_text()
    shown = re.compile(r'<img src="small/figures/([\w-]+)\.svg"[^>]* width="(\d+)" height="(\d+)"')
    found = shown.search((copy / "index.html").read_text())
    assert found and found[1] == "thumb" and int(found[2]) < 400 < int(found[2]) + int(found[3])
    assert "figures/thumb.svg" not in text and '<img src="small/figures/' in text
    thumb.unlink()
    write_index(tmp_path / "results", copy)
    wide = shown.search((copy / "index.html").read_text())
    assert wide and wide[1] != "thumb" and int(wide[2]) > 600
    thumb.write_text("old")
    write(tmp_path / "results", copy, "small")
    assert thumb.read_text() == (reports / "small" / "figures" / "thumb.svg").read_text()


def test_the_index_says_what_it_is_and_counts_comparisons(reports: Path) -> None:
    text = (reports / "README.md").read_text()
    assert text.split("\n\n")[1].startswith("6 studies: question, answer and verdicts. Each study trains networks")
    assert "less than 30 % of the test images" in text.split("\n\n")[1]
    assert "<summary>2 comparisons</summary>" in section(reports, "small")
