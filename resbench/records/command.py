"""The command line that last worked on a study, in `.work/command.json`: `status` says with it how to go on."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from resbench.core.errors import UserError
from resbench.core.files import replace, user_path
from resbench.core.own_code import digest_of
from resbench.records.store import Store
from resbench.records.study_file import StudyFile

_FILE = "command.json"
_CHOOSING = ("--only", "--shard")


@dataclass(frozen=True)
class KeptCommand:
    """A command line, and what it holds for.

    Attributes:
        words: `resbench` and what follows it.
        cwd: the folder in which it was given.
        folder: of the study then: a copy elsewhere has other paths.
        file, overrides: of the study.
        digests: of the grid file and of the study file that was made from it, then of the plug-ins of the grid.
    """

    words: list[str]
    cwd: str
    folder: str
    file: str
    overrides: list[str]
    digests: list[str]


def keep_command(
    store: Store, words: Sequence[str], file: str, overrides: Sequence[str], plugins: Sequence[Path] = ()
) -> None:
    """Keep a command line that was given in this process, when its study file has been written.

    Args:
        plugins: of the grid.

    Raises:
        Unwritable: the disk is full, or may not be written.
    """
    work, folder = store.work, str(store.folder.resolve())
    digests = [_digest(Path(file)), _digest(store.study_path), *map(_digest_of, plugins)]
    kept = KeptCommand(list(words), str(Path.cwd()), folder, file, list(overrides), digests)
    replace(work / _FILE, (json.dumps(asdict(kept)) + "\n").encode("utf-8", "surrogateescape"), work)


def read_command(work: Path, study: StudyFile) -> KeptCommand | None:
    """The command line of the study as it is now and where it is now; None if there is none."""
    try:
        kept = KeptCommand(**json.loads((work / _FILE).read_text(encoding="utf-8")))
        here = (kept.folder, kept.file, kept.overrides) == (str(work.parent.resolve()), study.file, study.overrides)
        texts = [kept.cwd, *kept.words]
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return kept if here and all(isinstance(text, str) for text in texts) else None


def taken_in(store: Store, study: StudyFile, path: Path) -> bool:
    """Whether the study file was made from this grid file, and its plug-ins, as they are now; False where that is not known.

    A plug-in that is gone says nothing: a study can be read without.
    """
    kept = read_command(store.work, study)
    if kept is None or "" in kept.digests or kept.digests[:2] != [_digest(path), _digest(store.study_path)]:
        return False
    now = [_digest_of(path.absolute().parent / user_path(name)) for name in study.plugins]
    return all(digest in ("", before) for digest, before in zip(now, kept.digests[2:], strict=False))


def _digest_of(plugin: Path) -> str:
    try:
        return digest_of(plugin)
    except UserError:
        return ""


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def going_on(kept: KeptCommand) -> str:
    """The command as a shell takes it here, without what chose some of the runs or started over."""
    there = "" if Path(kept.cwd) == Path.cwd() else f"cd {shlex.quote(kept.cwd)} && "
    words: list[str] = []
    given = iter(kept.words)
    for word in given:
        if word in _CHOOSING:
            next(given, None)
        elif word != "--fresh" and word.partition("=")[0] not in _CHOOSING:
            words.append(word)
    return there + shlex.join(words)
