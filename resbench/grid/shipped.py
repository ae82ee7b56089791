"""The grid and search files that come with the package, which any folder finds by their names."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resbench.core.config import flatten, suggestion
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.text import printable
from resbench.core.yaml_reader import opening_comment, parse

FOLDER = "ablations"
_PACKAGE = Path(__file__).resolve().parent.parent
_BARE = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class ShippedFile:
    """A grid or search file.

    Attributes:
        text: of the file.
        content: what it says.
    """

    name: str
    path: Path
    text: str
    content: Mapping[str, Any]

    @property
    def command(self) -> str:
        """What trains it."""
        return "tune" if "search" in self.content else "run"

    @property
    def question(self) -> str:
        """What it asks: the first sentence of its opening comment."""
        text = " ".join(opening_comment(self.text).split()).removeprefix("Question: ")
        first = re.split(r"(?<=[?.])(?<!al\.)(?= )", text[1:], maxsplit=1)[0]  # not behind `et al.`
        return f"{text[:1].upper()}{first}"

    @property
    def place(self) -> float:
        """In the order of the studies."""
        return float(self.content.get("story", {}).get("place", 1e9))

    def varied(self) -> Iterator[tuple[str, list[Any]]]:
        """The fields that it varies, each with its values; none of a searched range."""
        for axes in (self.content.get("axes", {}), *self.content.get("zip", []), self.content.get("arms", {})):
            yield from flatten(axes).items()
        for path, searched in self.content.get("search", {}).items():
            yield path, searched.get("choices", []) if isinstance(searched, dict) else searched


def shipped_folder() -> Path | None:
    """Where they are: in the package, or next to it in a checkout; None where only the code was copied."""
    inside, outside = _PACKAGE / FOLDER, _PACKAGE.parent / FOLDER
    if inside.is_dir():
        return inside
    return outside if outside.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file() else None


@functools.cache
def shipped_files() -> dict[str, ShippedFile]:
    """Name -> file, in the order of the studies."""
    folder = shipped_folder()
    texts = {path: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")} if folder else {}
    files = [ShippedFile(path.stem, path, text, parse(text).value) for path, text in texts.items()]
    return {file.name: file for file in sorted(files, key=lambda file: (file.place, file.name))}


def resolve(given: str) -> tuple[str, str]:
    """The file that a command means, and a line that names it where it is another than what was typed.

    A file that is there comes first, then one here whose ending or folder was left out, then one that is shipped.

    Raises:
        UserError: a bare name is none of them.
    """
    if user_path(given).is_file():
        return given, ""
    bare = _BARE.fullmatch(given) is not None and not given.endswith((".yaml", ".yml"))
    for path in (Path(f"{given}.yaml"), Path(FOLDER, f"{given}.yaml")) if bare else ():
        if path.is_file():
            return str(path), f"{given}: the file {path}"
    folder, inner = shipped_folder(), given.removeprefix(f"{FOLDER}/")
    for name in (inner, f"{inner}.yaml") if folder and not Path(inner).is_absolute() else ():
        path = Path(folder or "", name)
        if path.suffix == ".yaml" and ".." not in path.parts and path.is_file():
            return str(path), f"{given}: no such file here, so the one that comes with resbench: {path}"
    if bare:
        names = shipped_files()
        known = suggestion(given, names)
        raise UserError(
            f"{given}: no file {given} or {given}.yaml is here, and no shipped grid has this name{known}; "
            "`resbench ls grids` lists those, `resbench init` writes one"
        )
    return given, ""


def named(given: str) -> str:
    """The path of the grid file that this names; a line on stderr says which it is where that is not what was given.

    Raises:
        UserError: a bare name is none of them.
    """
    path, note = resolve(given)
    if note:
        print(printable(note), file=sys.stderr)
    return path
