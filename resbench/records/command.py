"""The command line that last worked on a study, in `.work/command.json`: `status` says with it how to go on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from resbench.core.files import replace
from resbench.records.study_file import StudyFile

_FILE = "command.json"


@dataclass(frozen=True)
class KeptCommand:
    """A command line, and what it holds for.

    Attributes:
        words: `resbench` and what follows it.
        cwd: the folder in which it was given.
        folder: of the study then: a copy elsewhere has other paths.
        file, overrides: of the study.
    """

    words: list[str]
    cwd: str
    folder: str
    file: str
    overrides: list[str]


def keep_command(work: Path, words: Sequence[str], study: StudyFile) -> None:
    """Keep a command line that was given in this process.

    Raises:
        Unwritable: the disk is full, or may not be written.
    """
    folder = str(work.parent.resolve())
    kept = KeptCommand(list(words), str(Path.cwd()), folder, study.file, list(study.overrides))
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


def going_on(kept: KeptCommand) -> str:
    """The command as a shell takes it here."""
    there = "" if Path(kept.cwd) == Path.cwd() else f"cd {shlex.quote(kept.cwd)} && "
    return there + shlex.join(kept.words)
