"""No file that is read can run code, leave its folder, or speak to a terminal, a browser or a spreadsheet."""

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
from support.inprocess import resbench
from support.studies import make, noise

import resbench as package
from resbench.core.errors import UserError
from resbench.core.text import is_name
from resbench.grid.grid import Grid
from resbench.records.record import dump
from resbench.records.store import Store
from resbench.report import summary, write, write_index
from resbench.tuning.search import Search

NAMES = (
    "../out", "../../etc/cron.d/x", "/etc/passwd", "a/b", "a\\b", "..", ".", "", ".hidden", "nul", "con", "CON", "aux.txt",
    "com1", "lpt9.json", "a\0b", "a\nb", "x" * 65, "x" * 300, "end.", "é", "<script>", "-rf", "~", "$HOME", "goals", "index.html",
    3, None, ["a"],
)  # fmt: skip
TAGS = (
    "!!python/object/apply:os.system ['touch owned']", "!!python/object/new:os.system ['touch owned']",
    "!!python/name:os.system ''", "!!python/module:os ''", "!!python/object/apply:builtins.exec ['open(\"owned\", \"w\")']",
    "!!python/object:collections.OrderedDict {}", "!own {}", "!!binary b3duZWQ=", "!!set {a}", "!!omap [a: 1]",
)  # fmt: skip
MARKUP = (
    "<script>owned()</script>", "</script><svg onload=owned()>", "<img src=x onerror=owned()>", "'\"><b onmouseover=owned()>",
    "[click](javascript:owned())", "![x](http://there/x.png)", "| a | b |", "`code`", "\x1b[2J\x1b]0;owned\x07", "\x00\x08\x9b31m",
    "=HYPERLINK(\"http://there\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "$\\frac$", "{{ 7*7 }}", "{% raw %}", "\\input{/etc/passwd}",
)  # fmt: skip
ALL = " ".join(MARKUP)


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, handlers, links, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and data.strip():
            self.scripts.append(data)
        self.text += data


# names


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused_everywhere(name: Any, tmp_path: Path) -> None:
    assert not is_name(name)
    quoted = json.dumps(name)
    (tmp_path / "grid.yaml").write_text(f"name: {quoted}\naxes: {{model.depth: [10]}}\n")
    (tmp_path / "search.yaml").write_text(f"name: {quoted}\nsearch: {{recipe.lr: {{low: 0.1, high: 0.2}}}}\n")
    for load, file in ((Grid.load, "grid.yaml"), (Search.load, "search.yaml")):
        with pytest.raises(UserError, match=r"is not a name|half a character|not valid YAML"):
            load(tmp_path / file)
    if name is not None:  # a study file may have no name
        store = Store(tmp_path / "results" / "some")
        store.open()
        (store.folder / "study.json").write_text(json.dumps({"name": name, "runs": []}))
        with pytest.raises(UserError, match=r"study\.json: damaged \(name: "):
            store.study()


@pytest.mark.parametrize("name", ["a", "shortcut", "my-study_2.1", "x" * 64, "console", "com10", "null", "0"])
def test_ordinary_names_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "run_id", ["../../../x", "/etc/passwd", "0" * 15, "G" * 16, "0" * 300, "", 3, None, "0" * 15 + "\n"]
)
def test_ids_that_are_no_ids_are_refused(run_id: Any, tmp_path: Path) -> None:
    store = Store(make(tmp_path, "some", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50)) / "some")
    asked = store.study()
    record = store.read("0" * 16)
    assert asked and record
    store.path("0" * 16).write_text(dump(record | {"id": run_id}))
    assert store.read("0" * 16) is None and "that says it is" in store.damaged[0]
    asked["runs"][0]["id"] = run_id
    (store.folder / "study.json").write_text(json.dumps(asked))
    with pytest.raises(UserError, match=r"damaged \(runs\.0\.id: "):
        store.study()


@pytest.mark.parametrize("study", ["../secret", "/etc", "..", "some/../../secret", "."])
def test_commands_do_not_look_outside_the_results(study: str, tmp_path: Path) -> None:
    make(tmp_path / "results", "some", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50))
    make(tmp_path, "secret", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50))
    for words in (["report", study, "--reports", tmp_path / "reports"], ["check", study], ["status", study]):
        code, _, told = resbench(*words, "--results", tmp_path / "results")
        assert code == 2 and "no such study" in told and told.count("\n") == 1, (words, told)
    assert not (tmp_path / "reports").exists()


# YAML


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    "place", ["name: {}", "base: {}", "axes:\n  model.depth: {}", "axes:\n  model.depth: [10, {}]", "? {}\n: 1"]
)
def test_tags_run_nothing_and_are_refused(tag: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(place.format(tag) + "\n")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for load in (Grid.load, Search.load):
            with pytest.raises(UserError):
                load("odd.yaml", ["recipe.lr=" + tag])
    finally:
        os.chdir(before)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.yaml"]


# results of a stranger


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results in which every text that may be chosen freely is an attack; well-formed otherwise."""
    results = tmp_path_factory.mktemp("stranger") / "results"
    axes: dict[str, list[Any]] = {"model.shortcut": list(MARKUP), f"model.{MARKUP[0]}": ["a"], "=cmd": ["b"]}
    at = {path: None for path in list(axes)[1:]}
    claim = {"says": ALL, "compare": {"model.shortcut": MARKUP[0]}, "to": {"model.shortcut": MARKUP[1]}, "at": at}
    claim |= {"on": "test_error", "expect": "lower", "margin": 0.1, "source": ALL}
    published = [{"source": ALL, "on": "test_error", "at": {"model.shortcut": MARKUP[2]}, "value": 0.1, "differs": ALL}]
    outcome = noise(lambda cell: 0.02, images=100)

    def failing(cell: Any, seed: int, draw: Any) -> Any:
        return "failed" if cell["model.shortcut"] == MARKUP[3] and seed else outcome(cell, seed, draw)

    make(results, "evil", axes, 2, failing, [claim], {"model.shortcut": MARKUP[0]}, published)
    store = Store(results / "evil")
    for record in store.records():
        record["provenance"] |= {"device_name": ALL, ALL: ALL, "revision": ALL}
        record["config"]["recipe"] = {ALL: ALL}
        if record["error"]:
            record["error"] = {"kind": ALL, "message": ALL, "traceback": ALL}
        store.path(record["id"]).write_text(dump(record))
    asked = store.study()
    assert asked
    asked |= {"file": ALL, "about": f"Question: {ALL}", "overrides": [ALL]}
    asked["runs"].append({"id": "f" * 16, "cell": dict.fromkeys(axes, "missing"), "seed": 0})
    asked["excluded"] = [{"cell": {ALL: ALL}, "because": ALL}]
    (store.folder / "study.json").write_text(json.dumps(asked))
    return results


@pytest.fixture(scope="module")
def page(stranger: Path) -> Path:
    reports = stranger.parent / "reports"
    written = write(stranger, reports, "evil")
    write_index(stranger, reports)
    return written


def test_a_page_of_a_stranger_holds_no_code_but_ours(page: Path) -> None:
    ours = (Path(package.__file__).parent / "report" / "page" / "page.js").read_text()
    for path in (page, page.parents[1] / "index.html"):
        found = Page(path.read_text(encoding="utf-8"))
        assert found.scripts in ([], [ours])
        assert found.tags.count("script") == len(found.scripts)
        assert not found.handlers and not {"svg", "b", "iframe", "object", "form", "base", "link"} & set(found.tags)
        allowed = (
            "data:image/svg+xml;base64,",
            "data:image/png;base64,",
            "data:text/plain;charset=utf-8,",
            "#",
            "evil/index.html",
        )
        assert all(link.startswith(allowed) for link in found.links), found.links
        assert "<script>owned()</script>" in found.text  # shown as it is
        assert "{{ 7*7 }}" in found.text and "\x1b" not in found.text and "\0" not in found.text


def test_markdown_tables_and_latex_of_a_stranger_are_text(page: Path) -> None:
    for path in (page.parent / "report.md", page.parents[1] / "README.md"):
        whole = path.read_text(encoding="utf-8")
        text = re.sub(r"\n## Outstanding runs\n\n {4}.*\n", "", whole)  # the command stands there as code
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
    assert {path.name for path in page.parents[1].iterdir()} - {".work"} == {"README.md", "evil", "index.html"}
    names = {path.name for path in page.parent.rglob("*")}
    assert all(name.isascii() and "owned" not in name and ".." not in name for name in names), names


def test_the_terminal_obeys_nothing_that_a_stranger_wrote(stranger: Path) -> None:
    there = ["--results", stranger]
    told = [summary(stranger, "evil")]
    for words in (["status", "evil"], ["check", "evil"], ["ls", "studies"]):
        code, out, err = resbench(*words, *there)
        assert code in (0, 1)
        told.append(out + err)
    told += resbench("compare", "evil", "--to", "model.shortcut=-2+3", *there)[1:2]
    told += resbench("merge", stranger, "--results", stranger.parent / "merged", "-n")[1:2]
    for text in told:
        assert text.strip() and all(character.isprintable() or character == "\n" for character in text), text
    assert "resbench run '<script>" in told[1]  # a command to copy is quoted for the shell


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


@pytest.mark.parametrize(
    "change",
    [
        {"config": []}, {"config": {"model": 3}}, {"metrics": []}, {"metrics": {"test_error": "x"}}, {"metrics": {"test_error": [1]}},
        {"history": {}}, {"history": [3]}, {"history": [{"epoch": "x"}]}, {"provenance": None}, {"probes": [1]}, {"error": "text"},
        {"status": []}, {"schema": "1"}, {"schema": None}, {"schema": 99}, {"predictions": 3}, {"predictions": {"images": 10**12, "wrong": ""}},
        {"predictions": {"images": 10, "wrong": "10:1"}}, {"predictions": {"images": 10, "wrong": "-1:1"}}, {"id": ["x"]},
        {"predictions": {"images": 10, "wrong": "x"}}, {"metrics": {"test_error": 10**400}}, {"error": {"message": "\ud800"}},
    ],
)  # fmt: skip
def test_records_of_another_shape_are_damaged_and_the_report_goes_on(change: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path, "some", {"model.norm": ["batch"]}, 2, noise(lambda cell: 0.02, images=50))
    store = Store(tmp_path / "some")
    record = store.read("0" * 16)
    assert record
    store.path("0" * 16).write_text(json.dumps(record | change))
    assert store.read("0" * 16) is None
    assert "note: 1 damaged record in the folder, not shown." in summary(tmp_path, "some")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "[" * 400 + "]" * 400, '"\\ud800"', "9" * 5000])
@pytest.mark.parametrize("place", ["metrics", "provenance"])
def test_values_that_no_json_should_have_are_damage(text: str, place: str, tmp_path: Path) -> None:
    if (text, place) == ("1e999", "provenance"):
        pytest.skip("is shown as what it is, an infinity")
    make(tmp_path, "some", {"model.norm": ["batch"]}, 1, noise(lambda cell: 0.02, images=50))
    store = Store(tmp_path / "some")
    record = store.read("0" * 16)
    assert record
    record[place] |= {"odd": "@"}
    store.path("0" * 16).write_text(json.dumps(record).replace('"@"', text))
    assert store.read("0" * 16) is None
