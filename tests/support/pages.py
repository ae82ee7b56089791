"""The pages of the documentation as what a reader does with them: files, settings, commands and Python."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resbench.core.yaml_reader import parse
from resbench.grid.source import FIELDS, leaves
from resbench.records.metrics import METRICS
from resbench.reference.declared import defaults, table
from support.faults import ROOT

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\A# ([\w.-]+\.(?:ya?ml|py))\n")
TRIALS = 2  # of each arm
SEARCH = {"arms", "search", "trials", "sampler", "pruner"}  # the keys that a search file alone has
_OTHERS = {"model.depth": [10, 22, 16], "recipe.grow": ["none"]}  # values of fields that have no table


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        name: of the file that it is; empty if it is none.
        line: of the page where it begins.
    """

    kind: str
    text: str
    name: str
    line: int


def pages() -> list[Path]:
    """The pages that people write: the README and the documentation without its reference."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of code of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        name = _NAMED.match(fence[2])
        found.append(Block(fence[1].strip(), fence[2], name[1] if name else "", text.count("\n", 0, fence.start()) + 1))
    return found


@dataclass(frozen=True)
class Command:
    """A line for a shell: its words, and the exit code that its comment names."""

    words: list[str]
    code: int | None


def commands(text: str) -> Iterator[Command]:
    """The commands of a block, in order."""
    for line in text.replace("\\\n", " ").splitlines():
        code = re.search(r"#\s*exit (\d+)$", line)
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|"):
                if words:
                    yield Command(words, int(code[1]) if code else None)
                words = []
            elif words or not re.match(r"[A-Z_]+=", word):  # variables come first
                words.append(word)


def is_search(root: Mapping[str, Any]) -> bool:
    """Whether settings are those of a search file."""
    seeds = root.get("seeds")
    return not SEARCH.isdisjoint(root) or (isinstance(seeds, dict) and "confirm" in seeds)


def shrunk(text: str) -> str:
    """A grid or search file that asks the same of less: few images, one epoch, narrow networks, two seeds."""
    root = dict(parse(text).value)
    base = {path: value for path, _, value in leaves(root.get("base", {}))}
    groups = [*(root.get(key, {}) for key in ("axes", "arms", "search")), *root.get("zip", [])]
    varied = {path for group in groups for path, _, _ in leaves(group)}
    small: dict[str, Any] = {"recipe.epochs": 1, "data.train_size": 64}
    small |= {} if base.get("model.family") == "python" else {"model.width": 4}
    small |= {"data.val_size": 32} if base.get("data.val_size") or is_search(root) else {}
    small |= {} if {"model.family", "recipe.grow"} & {*base, *varied} else {"model.depth": 16}
    if not root.get("trainer"):
        root["base"] = base | {path: value for path, value in small.items() if path not in varied}
    if is_search(root):
        root |= {"trials": TRIALS, "seeds": {"search": 1, "confirm": 1}}
    elif not isinstance(root.get("seeds", 1), dict):
        root["seeds"] = root["seeds"][:2] if isinstance(root.get("seeds"), list) else min(root.get("seeds", 1), 2)
    return f"# Question: that of the page.\n{json.dumps(root, indent=1)}\n"


def laid_over(text: str) -> str:
    """A fragment over a small grid or search file, which varies what the fragment speaks of."""
    fragment = parse(text)
    assert not fragment.mistakes and isinstance(fragment.value, dict), fragment.mistakes
    root = dict(fragment.value)
    said = list(_spoken_of(root))
    of_search = is_search(root) or "tuning" in dict(said)
    places = ["base", "arms", "search"] if of_search else ["base", "axes"]
    groups = [*(root.get(key, {}) for key in places), *(root.get("zip", []) if not of_search else [])]
    known = {path for group in groups for path, _, _ in leaves(group)} | {"tuning"}
    varied = {path: _values(path, [value for at, value in said if at == path]) for path, _ in said if path not in known}
    key = "arms" if of_search else "axes"
    if key not in root and not varied and not root.get("zip"):
        varied = (
            {"model.shortcut": ["identity", "none"]} if "model.shortcut" not in known else {"model.depth": [10, 16]}
        )
    root[key] = root.get(key, {}) | varied
    if of_search and "search" not in root:
        root["search"] = {"recipe.lr": {"low": 0.01, "high": 1.0, "log": True}}
    probes = {METRICS[claim["on"]].probe for claim in root.get("claims", []) if claim.get("on") in METRICS} - {""}
    if probes and "probes" not in root:
        root["probes"] = sorted(probes)
    return json.dumps({"name": "fragment", **root}, indent=1)


def _spoken_of(root: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that claims, baseline, exclusions and published numbers name, each with a value that they name."""
    parts = [root.get("baseline", {})]
    for claim in root.get("claims", []):
        parts += [claim.get(key, {}) for key in ("compare", "to", "at", "between")]
    parts += [rule.get("if", {}) for rule in root.get("exclude", [])]
    parts += [one.get("at", {}) for one in root.get("published", [])]
    for part in parts:
        if isinstance(part, list):
            yield from ((path, None) for path in part)
        else:
            for path, _, values in leaves(part):
                yield from ((path, value) for value in (values if isinstance(values, list) else [values]))


def _values(path: str, named: list[Any]) -> list[Any]:
    """Values of an axis: those that are named, and others until there are two."""
    others = [*(table(path) if path in FIELDS else ()), *_OTHERS.get(path, []), defaults().get(path)]
    values: list[Any] = []
    for value in named + others:
        if value is not None and value not in values and (value in named or len(values) < 2):
            values.append(value)
    return values
