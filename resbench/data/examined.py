"""What was found in files before, so that a folder of many images is read once and not by every process.

What a file holds is taken from before while its size and the times of its last change are the same: that which programs
can set back, as those that copy files do, and that of the file system. That only spares time: who loads the images sees
whether they are those that were meant.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from resbench.core.config import digest
from resbench.core.errors import Unwritable, UserError
from resbench.core.files import replace
from resbench.data.directory import cache_folder

_VERSION = 2  # of what is kept; another one is not read
_FRESH = 2.0  # seconds in which a file may change again without another time of change


def examined(
    root: Path, kind: str, files: Mapping[str, str], look: Callable[[Path], list[Any]]
) -> dict[str, list[Any]]:
    """What `look` finds in each file, or has found in it before.

    Args:
        root: the folder or file that is opened, under whose name it is kept.
        kind: what is looked for.
        files: name -> path as text, as there may be many.

    Raises:
        UserError: a file cannot be read.
    """
    place = _place(f"{kind}:{root.absolute()}")
    known, out, kept = _load(place), dict[str, list[Any]](), dict[str, list[Any]]()
    changed, now = False, time.time()
    for name, path in files.items():
        try:
            facts = os.stat(path)  # noqa: PTH116
            state = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]
            before = known.get(name, [])
            if before[:3] == state:
                found = before[3]
            else:
                found, changed = look(Path(path)), True
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        out[name] = found
        if now - max(facts.st_mtime, facts.st_ctime) > _FRESH:
            kept[name] = [*state, found]
    if changed and kept:
        _save(place, kept)
    return out


def remembered(key: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was found under a name that says all that decides it, or is found now."""
    place = _place(key)
    known = _load(place)
    if not known:
        known = find()
        _save(place, known)
    return known


def forget(key: str) -> None:
    """Find it again the next time."""
    with contextlib.suppress(OSError):
        _place(key).unlink()


def digest_of_file(path: Path) -> str:
    """32 hexadecimal digits of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def digest_of_bytes(content: bytes) -> str:
    """As `digest_of_file`."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _place(key: str) -> Path:
    return cache_folder() / "examined" / f"{digest(key)}.json"


def _load(place: Path) -> dict[str, Any]:
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return dict(kept["found"]) if kept["version"] == _VERSION else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _save(place: Path, found: Mapping[str, Any]) -> None:
    """Keep it, if it can be kept."""
    with contextlib.suppress(OSError, Unwritable):
        place.parent.mkdir(parents=True, exist_ok=True)
        replace(place, json.dumps({"version": _VERSION, "found": found}).encode(), place.parent)
