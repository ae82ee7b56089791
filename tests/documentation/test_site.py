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


def test_every_page_is_in_the_table_of_contents(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").glob("[!_]*/*.md")}
    pages |= {Path(path.stem + ".html") for path in (ROOT / "docs").glob("*.md")} - {Path("index.html")}
    assert {str(page) for page in pages if f'class="reference internal" href="{page}"' not in index} == set()
