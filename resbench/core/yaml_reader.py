"""A YAML reader for people: YAML 1.2 scalars, the line of every value, every mistake at once, no code.

PyYAML follows YAML 1.1, in which `no` is false, `1e-3` a string and `10:30` the number 630. This module uses its parser,
reads scalars by the core schema (YAML 1.2.2, section 10.3.2), and walks the tree itself, so that it can report duplicate
keys, aliases and tags with their lines.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 1 << 20
_MAX_DIGITS = 100  # Python takes long to read very long ones, and refuses those of more than 4300 digits
_MAX_BRACKETS = 100
_SURROGATE = re.compile("[\ud800-\udfff]")  # `"\\ud83d"` without its other half
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}

_PLAIN_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}  # what PyYAML resolves to


@dataclass
class Document:
    """A parsed file.

    Attributes:
        value: plain dicts, lists and scalars.
        lines: path of keys and indices -> 1-based line of the key (or of the list item).
        mistakes: (line, sentence) of everything that was refused.
    """

    value: Any = None
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    mistakes: list[tuple[int, str]] = field(default_factory=list)

    def line(self, *path: str | int) -> int:
        """Line of the path, or of its nearest ancestor."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) scalar by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def parse(text: str) -> Document:
    """Parse a document; never raises for anything a file can contain."""
    document = Document()
    if len(text.encode(errors="replace")) > MAX_BYTES:
        document.mistakes.append((1, f"the file is larger than {MAX_BYTES} bytes"))
        return document
    line = _too_deep(text)
    if line:
        document.mistakes.append((line, f"not valid: brackets nested more than {_MAX_BRACKETS} times"))
        return document
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.mistakes.append((mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}"))
        return document
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        document.mistakes.append((1, f"not valid YAML: {' '.join(str(error).split())}"))
        return document
    if node is not None:
        try:
            document.value = _walk(node, (), document, set())
        except RecursionError:
            document.mistakes.append((1, "not valid: nested too deeply"))
    return document


def opening_comment(text: str) -> str:
    """The comment block that opens a file, without a first line that only names the file."""
    block = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    lines = [line.removeprefix("#").strip() for line in block]
    named = bool(lines) and bool(re.fullmatch(r"\S+\.ya?ml", lines[0]))
    return "\n".join(lines[named:])


def _too_deep(text: str) -> int:
    """The line in which brackets are nested too deeply, or 0: they cost the parser seconds, then the stack."""
    depth = 0
    for bracket in re.finditer(r"[][{}]", text):
        depth = max(0, depth + (1 if bracket[0] in "[{" else -1))
        if depth > _MAX_BRACKETS:
            return text.count("\n", 0, bracket.start()) + 1
    return 0


def _walk(node: yaml.Node, path: tuple[str | int, ...], document: Document, seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        document.mistakes.append((line, "anchors and aliases (& and *) are not supported: write the value out"))
        return None
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, seen)
    if isinstance(node, yaml.SequenceNode):
        _refuse_tag(node, "tag:yaml.org,2002:seq", document)
        items = []
        for index, item in enumerate(node.value):
            document.lines[(*path, index)] = item.start_mark.line + 1
            items.append(_walk(item, (*path, index), document, seen))
        return items
    assert isinstance(node, yaml.ScalarNode)
    if _SURROGATE.search(node.value):
        document.mistakes.append((line, f"{node.value!r} has half a character, which no file can hold"))
        return None
    if node.style in ("'", '"', "|", ">"):
        return node.value
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
        document.mistakes.append((line, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not supported"))
    if len(node.value) > _MAX_DIGITS and (_INT.fullmatch(node.value) or _FLOAT.fullmatch(node.value)):
        document.mistakes.append((line, f"a number of {len(node.value)} characters: at most {_MAX_DIGITS} are allowed"))
        return None
    value = scalar(node.value)
    if isinstance(value, float) and math.isinf(value):
        document.mistakes.append((line, f"{node.value} is too large for a number"))
        return None
    return value


def _refuse_tag(node: yaml.Node, plain: str, document: Document) -> None:
    if node.tag != plain:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        document.mistakes.append((node.start_mark.line + 1, f"the tag {tag} is not supported"))


def _mapping(node: yaml.MappingNode, path: tuple[str | int, ...], document: Document, seen: set[int]) -> dict[str, Any]:
    _refuse_tag(node, "tag:yaml.org,2002:map", document)
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.mistakes.append((line, "a key must be a plain name"))
            continue
        key = key_node.value
        if _SURROGATE.search(key):
            document.mistakes.append((line, f"{key!r} has half a character, which no file can hold"))
            continue
        if key in out:
            first = document.lines[(*path, key)]
            document.mistakes.append((line, f"{key}: given twice (first on line {first}): remove one"))
            continue
        document.lines[(*path, key)] = line
        out[key] = _walk(value_node, (*path, key), document, seen)
    return out
