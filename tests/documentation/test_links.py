"""Links within the repository lead to files and headings that are there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted([*DOCS.glob("*.md"), *DOCS.glob("reference/*.md")])]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\]\(<?([^)\s>]*)>?(?: \"[^\"]*\")?\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)
OTHERS = ("http:", "https:", "mailto:")  # `make docs-links` asks whether they are there


def links(page: Path) -> Iterator[str]:
    """Where the links and pictures of a page lead; not those in code."""
    for found in LINK.finditer(CODE.sub("", page.read_text(encoding="utf-8"))):
        yield found[1] or found[2]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # of a link its text counts
        name = re.sub(r"[^\w\- ]", "", words.replace("*", "").lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.fixture(scope="module")
def present() -> set[str]:
    """Files and folders of the repository, with those that are not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = {Path(name) for name in names if name}
    return {str(path) for path in files | {folder for path in files for folder in path.parents}}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading_that_are_there(page: Path, present: set[str]) -> None:
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if link.startswith(OTHERS):
            continue
        if not target.is_relative_to(ROOT) or str(target.relative_to(ROOT)) not in present:
            wrong.append(f"{link}: the repository has no such file")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            wrong.append(f"{link}: no such heading")
    assert not wrong


def test_each_page_of_the_documentation_is_listed_on_the_first() -> None:
    index = DOCS / "index.md"
    listed = {os.path.normpath(DOCS / link) for link in links(index)}
    assert {str(page) for page in PAGES if DOCS in page.parents} - {str(index)} <= listed


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `code.name`, twice\n## [Link](x.md) & more\n## Twice\n## Twice\n```\n# no heading\n```\n")
    assert anchors(page) == {"a-codename-twice", "link--more", "twice", "twice-1"}
