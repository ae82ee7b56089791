"""SVG as matplotlib writes it, made fit for a page: no style that a policy refuses, short numbers, names of its own."""

from __future__ import annotations

import html
import re

from resbench.report.theme import file_rules

_DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.S
)
_STYLE = re.compile(r' style="([^"]*)"')
_PLACES = re.compile(r' (?:d|x|y|points)="[^"]*"|translate\([^)]*\)')
_LONG = re.compile(r"-?\d+\.\d{3,}")
_ROOT = re.compile(r"<svg\b([^>]*)>")
_NAMED = re.compile(r'(\bid="|href="#|url\(#)')
_LINES = 'stroke-linejoin="round" stroke-linecap="butt"'  # of all, as the style said that is dropped


def compact(svg: str) -> str:
    """The SVG with attributes in place of styles, and without its prolog, comments and digits that no eye sees."""
    text = _STYLE.sub(_attributes, _DROPPED.sub("", svg))
    text = _PLACES.sub(lambda part: _LONG.sub(lambda number: f"{float(number[0]):.2f}", part[0]), text)
    text = text.replace("DejaVuSans-Bold-", "B").replace("DejaVuSans-", "D")  # a name for each letter: short ones
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    return _ROOT.sub(lambda tag: f"<svg{tag[1]} {_LINES}>", text, count=1)


def _attributes(style: re.Match[str]) -> str:
    """`fill: none; stroke: #000` as attributes; of a property that stands twice the last counts."""
    pairs = {
        part.split(":", 1)[0].strip(): part.split(":", 1)[1].strip() for part in style[1].split(";") if ":" in part
    }
    return "".join(f' {name}="{value}"' for name, value in pairs.items())


def as_file(svg: str, title: str) -> str:
    """A compact SVG as a file: with a title, and dark where the reader prefers that."""
    head = f"<title>{html.escape(title)}</title><style>{file_rules()}</style>"
    return '<?xml version="1.0" encoding="utf-8"?>\n' + _ROOT.sub(lambda tag: f"{tag[0]}{head}", svg, count=1) + "\n"


def inline(svg: str, name: str, title: str, alt: str) -> str:
    """A compact SVG as part of a page.

    Args:
        name: stands before its own names, which other figures have as well.
        title: what it shows.
        alt: what is to be seen, for those who cannot see it.
    """
    width, height = size(svg)
    view = re.search(r'viewBox="([^"]*)"', svg)
    box = f'viewBox="{view[1]}" ' if view else ""
    label = html.escape(f"{title}. {alt}" if title else alt)
    root = f'<svg {box}width="{width}" height="{height}" role="img" aria-label="{label}" {_LINES}>'
    text = _ROOT.sub(lambda _: root, svg, count=1)
    return _NAMED.sub(lambda match: f"{match[1]}{name}", text).replace("xlink:href", "href")


def size(svg: str) -> tuple[int, int]:
    """Width and height in pixels of a page; letters have one size in all figures."""
    tag = _ROOT.search(svg)
    sizes = dict(re.findall(r'\b(width|height)="([\d.]+)pt"', tag[0])) if tag else {}
    width, height = (float(sizes.get(name, default)) for name, default in (("width", 612), ("height", 331)))
    return round(width * 4 / 3), round(height * 4 / 3)
