"""The `labels:` of a grid file: what pages call its fields and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resbench.core.config import suggestion
from resbench.grid.source import FIELDS, Source
from resbench.records.study_file import Words

_FORM = 'a name such as depth, a form such as "{} layers", or a mapping of values to labels'


def read_labels(source: Source, labels: Any, more: Sequence[str] = ()) -> dict[str, Words]:
    """The labels of a file; every mistake goes to the source.

    Args:
        more: what may have a label besides fields.
    """
    if not isinstance(labels, dict):
        source.wrong(source.document.line("labels"), f"labels: {labels!r} should be a mapping of fields to words")
        return {}
    out: dict[str, Words] = {}
    for path, words in labels.items():
        line = source.document.line("labels", path)
        if path not in FIELDS and path not in more:
            source.wrong(line, f"labels: {path} is not a field{suggestion(path, FIELDS)}")
        elif not _are_words(words):
            source.wrong(line, f"labels: {path}: {words!r} should be {_FORM}")
        else:
            out[path] = words
    return out


def _are_words(words: Any) -> bool:
    texts = list(words.values()) if isinstance(words, dict) else [words]
    return bool(texts) and all(isinstance(text, str) and text.strip() for text in texts)
