"""The CPU time that Linux grants this process: a container or a batch job may have less than it sees processors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_SELF = Path("/proc/self")


def cpu_quota(process: Path = _SELF) -> float | None:
    """Processors' worth of time that the control groups of a process leave it; None without a limit.

    Args:
        process: its folder in /proc.
    """
    try:
        limits = [limit for folder in _folders(process) if (limit := _limit(folder)) is not None]
    except (OSError, ValueError, IndexError):
        return None
    return min(limits, default=None)


def _folders(process: Path) -> Iterator[Path]:
    """The folders of its groups, in version 1 and 2, and of the groups around them: each has its own limit."""
    groups = dict(_groups(process))
    for line in (process / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, *options = after.split()
        version1 = kind == "cgroup" and "cpu" in options[-1].split(",")
        if not version1 and kind != "cgroup2":
            continue
        group = groups.get("cpu" if version1 else "")
        if group is None:
            continue
        root, point = before.split()[3:5]
        # a container may see the folder of its own group as the root, under the whole name or none
        inner = group.removeprefix(root.rstrip("/")).strip("/")
        top = Path(point.replace(r"\040", " "))
        folder = top / inner if ".." not in inner.split("/") else top
        while folder != top:
            yield folder
            folder = folder.parent
        yield top


def _groups(process: Path) -> Iterator[tuple[str, str]]:
    """Controller -> name of the group; the controller is empty in version 2."""
    for line in (process / "cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, group


def _limit(folder: Path) -> float | None:
    """Of one group: version 2 has `50000 100000` or `max 100000` in one file, version 1 has two, and -1 for none."""
    words = _words(folder / "cpu.max") or [
        *_words(folder / "cpu.cfs_quota_us"),
        *_words(folder / "cpu.cfs_period_us"),
    ]
    try:
        quota, period = map(int, words)
        return quota / period if quota > 0 else None
    except (ValueError, ZeroDivisionError):  # `max`, or no files
        return None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
