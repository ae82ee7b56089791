"""No record or study file can run code, leave its folder, or speak to a terminal, a browser or a spreadsheet."""

from __future__ import annotations

import csv
import html.parser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.hostile import MARKUP
from support.inprocess import resbench
from support.studies import make, noise

import resbench as package
from resbench.records.record import RunError
from resbench.records.store import Store
from resbench.report import write, write_index
from resbench.report.page.study_page import summary

ALL = " ".join(MARKUP)


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, handlers, links, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.data: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append("data" if tag == "script" and ("type", "application/json") in attrs else tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and data.strip():
            self.scripts.append(data)
        elif self.tags and self.tags[-1] == "data" and data.strip():
            self.data.append(data)
        self.text += data


@pytest.mark.parametrize("study", ["../secret", "/etc", "..", "some/../../secret", "."])
def test_commands_do_not_look_outside_the_results(study: str, tmp_path: Path) -> None:
    make(tmp_path / "results", "some", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50))
    make(tmp_path, "secret", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50))
    for words in (["report", study, "--reports", tmp_path / "reports"], ["check", study], ["status", study]):
        code, _, err = resbench(*words, "--results", tmp_path / "results")
        assert code == 2 and "no such study" in err and err.count("\n") == 1, (words, err)
    assert not (tmp_path / "reports").exists()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results in which every text that may be chosen freely is an attack; well-formed otherwise."""
    results = tmp_path_factory.mktemp("stranger") / "results"
    axes: dict[str, list[Any]] = {"model.shortcut": list(MARKUP), f"model.{MARKUP[0]}": ["a"], "=cmd": ["b"]}
    at = {path: None for path in list(axes)[1:]}
    claim: dict[str, Any] = {
        "says": ALL,
        "compare": {"model.shortcut": MARKUP[0]},
        "to": {"model.shortcut": MARKUP[1]},
        "at": at,
    }
    claim |= {"on": "test_error", "expect": "lower", "margin": 0.1, "source": ALL}
    published = [{"source": ALL, "on": "test_error", "at": {"model.shortcut": MARKUP[2]}, "value": 0.1, "differs": ALL}]
    outcome = noise(lambda cell: 0.02, images=100)

    def failing(cell: Any, seed: int, draw: Any) -> Any:
        return "failed" if cell["model.shortcut"] == MARKUP[3] and seed else outcome(cell, seed, draw)

    make(results, "evil", axes, 2, failing, [claim], {"model.shortcut": MARKUP[0]}, published)
    store = Store(results / "evil")
    for record in store.records():
        record.provenance = record.provenance.with_facts(device_name=ALL, **{ALL: ALL}, revision=ALL)
        record.config["recipe"] = {ALL: ALL}
        if record.error:
            record.error = RunError(ALL, ALL, {"traceback": ALL})
        store.path(record.id).write_text(record.to_json())
    path = store.folder / "study.json"
    study = json.loads(path.read_text())
    study |= {"file": ALL, "about": f"Question: {ALL}", "overrides": [ALL]}
    study["runs"].append({"id": "f" * 16, "cell": dict.fromkeys(axes, "missing"), "seed": 0})
    study["excluded"] = [{"cell": {ALL: ALL}, "because": ALL}]
    path.write_text(json.dumps(study))
    return results


@pytest.fixture(scope="module")
def page(stranger: Path) -> Path:
    reports = stranger.parent / "reports"
    written = write(stranger, reports, "evil")
    write_index(stranger, reports)
    return written


def test_a_page_of_a_stranger_holds_no_code_but_ours(page: Path) -> None:
    folder = Path(package.__file__).parent / "report" / "page"
    ours = {path.read_text() for path in folder.glob("*.js")}
    runs = sorted((page.parent / "runs").iterdir())
    assert len(runs) == 2 * len(MARKUP)
    for path in (page, page.parents[1] / "index.html", *runs):
        elements = Page(path.read_text(encoding="utf-8"))
        assert set(elements.scripts) <= (set() if path in runs else ours)
        assert elements.tags.count("script") == len(elements.scripts)
        assert all(set(json.loads(text)) == {"axes", "facts"} for text in elements.data)
        assert len(elements.data) == elements.tags.count("data") == (path == page)
        assert not elements.handlers and not {"b", "iframe", "object", "form", "base", "link"} & set(elements.tags)
        assert "foreignobject" not in elements.tags
        allowed = (
            "data:image/png;base64,",
            "data:text/plain;charset=utf-8,",
            "#",
            "evil/index.html",
            *("runs/", "data.csv", "../index.html", "../../../results/evil/"),
            *("evil/figures/", "../index.html#study-evil", "../../results/evil", "figures/", "tables/"),
            *("../how-verdicts-are-decided/index.html", "how-verdicts-are-decided/index.html"),
            *(other.name for other in runs),
        )
        assert all(link.startswith(allowed) for link in elements.links), elements.links
        assert "<script>owned()</script>" in elements.text  # shown as it is
        assert "{{ 7*7 }}" in elements.text and "\x1b" not in elements.text and "\0" not in elements.text


def test_markdown_tables_and_latex_of_a_stranger_are_text(page: Path) -> None:
    for path in (page.parent / "report.md", page.parents[1] / "README.md"):
        whole = path.read_text(encoding="utf-8")
        text = re.sub(r"\n## Missing runs\n\n {4}.*\n", "", whole)  # the command stands there as code
        text = re.sub(r'<img src="evil/figures/error\.svg" width="420" alt="[^"<>]*">', "", text)  # ours
        assert "<script" not in text and "<img" not in text and "<svg" not in text
        assert "[click](" not in text and "![x](" not in text
        assert all(character.isprintable() or character in "\n" for character in whole)
    for path in (page.parent / "tables").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        assert r"\input" not in text and "\x1b" not in text
    for path in (page.parent / "figures").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text and "owned()>" not in text


def test_no_cell_of_a_csv_file_is_a_formula(page: Path) -> None:
    cells = [cell for path in page.parent.rglob("*.csv") for row in csv.reader(path.open(newline="")) for cell in row]
    assert sum(cell.startswith("'=HYPERLINK") for cell in cells) > 3
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
            float(cell)  # a number, as it should be
        assert "\x1b" not in cell


def test_the_report_is_valid_json_and_nothing_lies_outside_reports(page: Path, stranger: Path) -> None:
    assert json.loads((page.parent / "report.json").read_text())["study"] == "evil"
    assert sorted(path.name for path in stranger.parent.iterdir()) == ["reports", "results"]
    assert {path.name for path in page.parents[1].iterdir()} - {".work"} == {
        "README.md",
        "evil",
        "how-verdicts-are-decided",
        "index.html",
    }
    names = {path.name for path in page.parent.rglob("*")}
    assert all(name.isascii() and "owned" not in name and ".." not in name for name in names), names


def test_the_terminal_obeys_nothing_that_a_stranger_wrote(stranger: Path) -> None:
    places = ["--results", stranger]
    texts = [summary(stranger, "evil")]
    for words in (["status", "evil"], ["check", "evil"], ["ls", "studies"]):
        code, out, err = resbench(*words, *places)
        assert code in (0, 1)
        texts.append(out + err)
    texts += resbench("compare", "evil", "--to", "model.shortcut=-2+3", *places)[1:2]
    texts += resbench("merge", stranger, "--results", stranger.parent / "merged", "-n")[1:2]
    for text in texts:
        assert text.strip() and all(character.isprintable() or character == "\n" for character in text), text
    assert "resbench run '<script>" in texts[1]  # a command to copy is quoted for the shell


def test_a_report_of_a_stranger_needs_no_torch_and_reads_only(stranger: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in stranger.rglob("*") if path.is_file()}
    code = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from resbench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'torchvision', 'optuna', 'mlxtend'} & set(sys.modules), set(sys.modules)"
    )
    words = ["report", "evil", "--results", str(stranger), "--reports", str(tmp_path / "reports")]
    env = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
    assert before == {path: path.read_bytes() for path in stranger.rglob("*") if path.is_file()}


def test_a_damaged_record_is_left_out_and_the_report_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "some", {"model.norm": ["batch"]}, 2, noise(lambda cell: 0.02, images=50))
    path = Store(tmp_path / "some").path("0" * 16)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": {"test_error": [1]}}))
    assert "note: 1 damaged record in the folder, not shown." in summary(tmp_path, "some")
