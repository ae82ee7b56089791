"""The documentation builds without a warning and without the network, and its links hold in the site that is published."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from support.faults import ROOT

DOCS = ROOT / "docs"
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as `make site` builds it, without the pages of studies."""
    pytest.importorskip("sphinx", reason="sphinx is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", f"{folder}-doctrees", "docs", folder]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | OFFLINE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def links(page: Path) -> Iterator[tuple[str, str]]:
    """File and anchor of each link, picture, font and script of a page that lies in the site."""
    for link in re.findall(r'\b(?:href|src)="([^"]*)"', page.read_text(encoding="utf-8")):
        path, _, anchor = unescape(link).partition("#")
        if not re.match(r"[a-z]+:", path):
            yield unquote(path.partition("?")[0]), anchor


def test_the_links_of_the_site_hold(site: Path) -> None:
    wrong, studies = [], set()
    for page in site.rglob("*.html"):
        for path, anchor in links(page):
            target = Path(os.path.normpath(page.parent / path)) if path else page
            if target.is_relative_to(site / "reports"):  # which `resbench report` writes into it
                studies.add(target.relative_to(site).parent)
            elif not target.is_file():
                wrong.append((page.name, path))
            elif anchor and target.suffix == ".html" and f'id="{anchor}"' not in target.read_text(encoding="utf-8"):
                wrong.append((page.name, f"{path}#{anchor}"))
    assert wrong == []
    assert {
        str(one) for one in studies if not any((ROOT / one / name).exists() for name in ("report.md", "README.md"))
    } == set()


def test_pages_load_nothing_from_the_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(
            r'<(?:script|img|iframe)[^>]*\bsrc="(?:https?:)?//[^"]*"|<link[^>]*\bhref="(?:https?:)?//[^"]*"', text
        )
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\([\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style.name


def test_every_page_is_in_the_table_of_contents_and_in_its_place(site: Path) -> None:
    """Sphinx has pages of its own, such as search.html, in whose place no page of ours can be."""
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in [*DOCS.glob("*.md"), *DOCS.glob("reference/*.md")]:
        place = page.relative_to(DOCS).with_suffix(".html").as_posix()
        assert place == "index.html" or f'class="reference internal" href="{place}"' in index, place
        heading = re.match(r"# (.+)\n", page.read_text(encoding="utf-8"))
        shown = re.search(r"<h1>(.*?)<a", (site / place).read_text(encoding="utf-8"))
        assert heading and shown and unescape(shown[1]) == heading[1], place
