"""Text: names that are safe as folders on any system, values as words, and what a terminal may be shown."""

from __future__ import annotations

import json
import re
from typing import Any

NAME_RULE = "use lower-case letters, digits, '-', '_' and '.', 64 at the most, beginning with a letter or digit"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")  # with any ending they open a device on Windows
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
OURS = ("goals", "goals.json", "gpu", "how-verdicts-are-decided", "index.html")  # in results/ or reports/


def is_name(value: Any) -> bool:
    """Whether a study may have this name."""
    return bool(
        isinstance(value, str)
        and _NAME.fullmatch(value)
        and not value.endswith(".")
        and not _DEVICE.fullmatch(value)
        and value not in OURS
    )


def is_run_id(value: Any) -> bool:
    """Whether this may be the id of a run: 16 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{16}", value) is not None


def show(value: object) -> str:
    """A value as text: what a grid file would say."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def plural(count: int, noun: str) -> str:
    """`1 run`, `1,200 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """`95 s`, `12 min`, `3.4 h`; never below nothing."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def printable(text: str) -> str:
    """Text as one line that a terminal shows and does not obey: each character that cannot be printed as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def control_free(text: str) -> str:
    """Text without what a terminal obeys, and what no HTML page or SVG may hold; line ends and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def sanitise(value: Any) -> Any:
    """The same of every text in a value as JSON has them."""
    if isinstance(value, str):
        return value if value.isprintable() else control_free(value)
    if isinstance(value, dict):
        return {sanitise(key): sanitise(inner) for key, inner in value.items()}
    return list(map(sanitise, value)) if isinstance(value, list) else value
