"""SVG as matplotlib writes it, made fit for a page: no style that a policy refuses, short numbers, names of its own."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from resbench.report.theme import file_rules

_DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.S
)
_STYLE = re.compile(r' style="([^"]*)"')
_PLACES = re.compile(r' (?:d|x|y|points)="[^"]*"|translate\([^)]*\)')
_LONG = re.compile(r"-?\d+\.\d{2,}")
_SPACE = re.compile(r'<use xlink:href="#[DB]3"[^>]*/>\n?')  # a letter that draws nothing
_PATH = re.compile(r'(?<= d=")[^"]*')
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_ROOT = re.compile(r"<svg\b([^>]*)>")
_OWN = re.compile(  # names that matplotlib numbers and nothing refers to
    r' id="(?:figure|axes|patch|text|line2d|[xy]tick|matplotlib\.axis|legend|[A-Z]\w*Collection|FillBetween\w*)_\d+"'
)
_ALONE = re.compile(r"<g>\n(<(?:g|use|path)[^>]*/>)\n</g>")
_MOVED = re.compile(r'(<use [^>]*)transform="translate\((-?[\d.]+) 0\)"')
# of a page, not of one figure: letters, and lines of text that are made of them
_SHARED = "[DBT][0-9a-f]+"
_NAMED = re.compile(rf'(\bid="|href="#|url\(#)(?!{_SHARED}")')
_LETTER = re.compile(rf'<path id="({_SHARED})"[^>]*/>\n?')
_LINE = re.compile(rf'<g( [^>]*)>\s*((?:<use href="#{_SHARED}"(?: x="-?\d+")?/>\s*)+)</g>')
_MARKS = re.compile(r"<g( clip-path=[^>]*)>\n((?:<use [^>]*/>\n)+)</g>")
_LONG_NAME = re.compile(r"\b[mph][0-9a-f]{10}\b")  # as matplotlib gives them to marks, places that are cut, and hatches
_EMPTY = re.compile(r"<defs>\s*</defs>\n?")
_LINES = 'stroke-linejoin="round" stroke-linecap="butt"'  # of all, as the style said that is dropped


class Mark(NamedTuple):
    """A point or a field of a figure that answers, in the points of its SVG.

    Attributes:
        text: what it stands for, its name in the first line.
        link: where a click leads; empty for nowhere.
    """

    x: float
    y: float
    width: float
    height: float
    text: str
    link: str


def compact(svg: str) -> str:
    """The SVG with attributes in place of styles, and without its prolog, comments, names and digits that no eye sees."""
    text = _STYLE.sub(_attributes, _DROPPED.sub("", svg))
    text = text.replace("DejaVuSans-Bold-", "B").replace("DejaVuSans-", "D")  # a name for each letter: short ones
    text = _SPACE.sub("", text)
    text = _MOVED.sub(lambda use: f'{use[1]}x="{float(use[2]):.0f}"', text)  # a letter of a line, in small units
    text = _PLACES.sub(lambda part: _LONG.sub(_shorter, part[0]), text)
    text = _PATH.sub(lambda path: _shorter_path(path[0]), _OWN.sub("", text))
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    for _ in range(3):  # groups of one mark, within others
        text = _ALONE.sub(r"\1", text)
    return _ROOT.sub(lambda tag: f"<svg{tag[1]} {_LINES}>", text, count=1)


def _shorter(number: re.Match[str]) -> str:
    """A place to a tenth of a point; small ones, as in the shapes of marks, to a hundredth."""
    value = float(number[0])
    return f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")


def _shorter_path(path: str) -> str:
    """Lines as steps from point to point, which have fewer digits than the points; the steps add up to them exactly."""
    out = list[str]()
    x = y = Decimal(0)
    before = ""
    for command, numbers in _COMMAND.findall(path):
        places = numbers.split()
        text = f"{command}{' '.join(places)}"
        if places:
            left, up = map(Decimal, places[-2:])
            if command == "L":
                text = f"{' ' if before == 'L' else 'l'}{_plain(left - x)} {_plain(up - y)}"
            x, y = left, up
        out.append(text)
        before = command
    return "".join(out).replace(" -", "-")


def _plain(step: Decimal) -> str:
    """Without zeros that say nothing: 0.50 -> .5."""
    text = f"{step:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return re.sub(r"^(-?)0\.", r"\1.", text) if text not in ("", "-0", "-") else "0"


def _attributes(style: re.Match[str]) -> str:
    """`fill: none; stroke: #000` as attributes; of a property that stands twice the last counts."""
    pairs = {
        part.split(":", 1)[0].strip(): part.split(":", 1)[1].strip() for part in style[1].split(";") if ":" in part
    }
    return "".join(f' {name}="{value}"' for name, value in pairs.items())


def as_file(svg: str, title: str) -> str:
    """A compact SVG as a file: with a title, and dark where the reader prefers that."""
    head = f"<title>{html.escape(title)}</title><style>{file_rules(svg)}</style>"
    return '<?xml version="1.0" encoding="utf-8"?>\n' + _ROOT.sub(lambda tag: f"{tag[0]}{head}", svg, count=1) + "\n"


def inline(svg: str, name: str, title: str, alt: str, marks: Sequence[Mark] = ()) -> str:
    """A compact SVG as part of a page that has the letters of all figures, as `letters` gives them.

    Args:
        name: stands before its own names, which other figures have as well.
        title: what it shows.
        alt: what is to be seen, for those who cannot see it.
        marks: links over its points, which have titles and so need no script.
    """
    width, height = size(svg)
    view = re.search(r'viewBox="([^"]*)"', svg)
    box = f'viewBox="{view[1]}" ' if view else ""
    label = html.escape(f"{title}. {alt}" if title else alt)
    role = "group" if marks else "img"  # within an image nothing is found by those who cannot see it
    root = f'<svg {box}width="{width}" height="{height}" role="{role}" aria-label="{label}" {_LINES}>'
    text = _ROOT.sub(lambda _: root, _without_letters(svg), count=1)
    text = _LINE.sub(lambda line: f'<use href="#{_name_of(line[2])}"{line[1]}/>', text)
    text = _MARKS.sub(_alike, text)
    short = {long: f"{long[0]}{number}" for number, long in enumerate(dict.fromkeys(_LONG_NAME.findall(text)))}
    text = _LONG_NAME.sub(lambda match: short[match[0]], text)
    text = _NAMED.sub(lambda match: f"{match[1]}{name}", text)
    return f"{text.removesuffix('</svg>')}{_links(marks)}</svg>" if marks else text


def _alike(marks: re.Match[str]) -> str:
    """A group of marks that look the same, which says it once."""
    uses = re.findall(r'<use href="#[^"]+" x="[^"]+" y="[^"]+"([^>]*)/>', marks[2])
    if len(uses) < 2 or len(set(uses)) > 1 or len(uses) != marks[2].count("<use"):
        return marks[0]
    return f"<g{marks[1]}{uses[0]}>\n{marks[2].replace(f'{uses[0]}/>', '/>')}</g>"


def letters(svgs: Iterable[str]) -> str:
    """The shapes of the letters of compact SVGs, and each line of text that is made of them, all of them once."""
    shapes: dict[str, str] = {}
    lines: dict[str, str] = {}
    for svg in svgs:
        shapes |= {match[1]: match[0].rstrip() for match in _LETTER.finditer(svg)}
        lines |= {_name_of(match[2]): match[2] for match in _LINE.finditer(_without_letters(svg))}
    if not shapes:
        return ""
    texts = (f'<g id="{name}">{"".join(lines[name].splitlines())}</g>' for name in sorted(lines))
    whole = "".join([*(shapes[name] for name in sorted(shapes)), *texts])
    return f'<svg class="letters" aria-hidden="true"><defs>{whole}</defs></svg>'


def _without_letters(svg: str) -> str:
    return _EMPTY.sub("", _LETTER.sub("", svg)).replace("xlink:href", "href")


def _name_of(line: str) -> str:
    """Of a line of text: the same on every page."""
    return f"T{hashlib.sha256(line.encode()).hexdigest()[:8]}"


def _links(marks: Sequence[Mark]) -> str:
    return f"""<g class="marks">{"".join(map(_link, marks))}</g>"""


def _link(mark: Mark) -> str:
    """A link, or a group where there is none, with its title and a shape that the page makes large enough to hit."""
    across = f"h{mark.width:.0f}v{mark.height:.0f}h-{mark.width:.0f}z" if mark.width or mark.height else "h0"
    tag, link = ("a", f' href="{html.escape(mark.link)}"') if mark.link else ("g", "")
    shape = f'<title>{html.escape(mark.text)}</title><path d="M{mark.x:.1f} {mark.y:.1f}{across}"/>'
    return f"<{tag}{link}>{shape}</{tag}>"


def size(svg: str) -> tuple[int, int]:
    """Width and height in pixels of a page; letters have one size in all figures."""
    tag = _ROOT.search(svg)
    sizes = dict(re.findall(r'\b(width|height)="([\d.]+)pt"', tag[0])) if tag else {}
    width, height = (float(sizes.get(name, default)) for name, default in (("width", 612), ("height", 331)))
    return round(width * 4 / 3), round(height * 4 / 3)
