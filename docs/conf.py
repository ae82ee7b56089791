"""Sphinx builds the pages of this folder, which are plain Markdown; nothing is fetched from the network.

Links lead where they do on the repository's page: those to pages of studies to the same pages of the site, those to other
files of the repository to its address (`[project.urls]`), or to a copy in the site where it has none.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

from sphinx.util.logging import getLogger

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_URLS = {key.lower(): url for key, url in _PROJECT.get("urls", {}).items()}
_REPOSITORY = (_URLS.get("repository") or _URLS.get("source") or "").rstrip("/")
_COPIES = "files"  # folder of the site, with files of the repository
_PAGE = re.compile(r"reports/(?!gpu/)(?:[\w.-]+/)?(?:README|report)\.md")  # of a study, with a page of the site
# a link that leaves this folder; a block of code or words in code, in which there is none, are found instead of it
_LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?:\.\./)+[^)\s#]*)(?P<anchor>#[^)\s]*)?\)|^```.*?^```|`[^`\n]*`",
    re.MULTILINE | re.DOTALL,
)
_HEADING_OR_PAGE = re.compile(r"^## (.+)$|\]\(([\w./-]+)\.md\)", re.MULTILINE)

project = "resbench"
author = "the authors of resbench"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "resbench"
exclude_patterns = ["_build"]
smartquotes = False  # `--option` and quotes are meant as they are
myst_heading_anchors = 4  # as GitHub names them
myst_url_schemes = {"http": None, "https": None, "mailto": None, "site": {"url": "{{path}}"}}
linkcheck_timeout = 20


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", read)
    app.connect("build-finished", copy_files)


def read(app: Any, name: str, source: list[str]) -> None:
    """Have the links of a page lead to places of the site, and the first page list all others."""
    source[0] = _LINK.sub(lambda link: _led(app, name, link) if link["target"] else link[0], source[0])
    if name == "index":
        source[0] += contents(source[0])


def contents(text: str) -> str:
    """A hidden table of contents for each heading of a page: the pages that it links to."""
    lists: dict[str, list[str]] = {}
    heading, seen = "", set[str]()
    for found in _HEADING_OR_PAGE.finditer(text):
        if found[1]:
            heading = found[1]
        elif heading and found[2] not in seen:
            lists.setdefault(heading, []).append(found[2])
            seen.add(found[2])
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {one}\n\n{chr(10).join(pages)}\n```\n" for one, pages in lists.items()
    )


def _led(app: Any, name: str, link: re.Match[str]) -> str:
    """A link that leaves the folder, as one of the site; the text alone where it leads to nothing that a site can have."""
    text, target, anchor = link["text"], link["target"], link["anchor"] or ""
    path = os.path.relpath(os.path.normpath((DOCS / name).parent / target), ROOT).replace(os.sep, "/")
    up = "../" * name.count("/")
    if path.startswith("docs/"):
        return link[0]
    if path.startswith("..") or not (ROOT / path).exists():
        getLogger(__name__).warning("%s: the repository has no such file", target, location=name)
        return text
    if _PAGE.fullmatch(path):
        return f"[{text}](site:{up}{path.rpartition('/')[0]}/index.html)"
    if _REPOSITORY:
        return f"[{text}]({_REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}{anchor})"
    if (ROOT / path).is_dir():
        return text
    app.__dict__.setdefault("resbench_files", set()).add(path)
    return f"[{text}](site:{up}{_COPIES}/{path})"


def copy_files(app: Any, error: Exception | None) -> None:
    """Put the files that pages link to into the site."""
    for path in app.__dict__.get("resbench_files", ()):
        copy = Path(app.outdir) / _COPIES / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy)
