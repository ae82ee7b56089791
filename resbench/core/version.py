"""Which code this is: its version, and its revision in git or the hash of its source."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
from pathlib import Path
from typing import TypeAlias

__version__ = "0.1.0"
Revision: TypeAlias = tuple[str | None, bool]  # commit or hash of the source, and whether the code differs from it
SOURCE = "source:"  # begins what stands for a commit where there is none
_PACKAGE = Path(__file__).resolve().parent.parent  # all of it: one level deeper git would see only core/
_QUESTIONS = "ablations/"  # of a wheel: grid files, which are no code
_INSTALLED = {"site-packages", "dist-packages"}  # that another project's repository may hold


@functools.cache
def revision() -> Revision:
    """The commit of the package and whether its code differs from it; outside a checkout of its own a hash of its source."""
    return _commit() or (source_hash(), False)


@functools.cache
def source_hash() -> str:
    """`source:` and the first 16 digits of the SHA-256 of the package's files: the same for the same code, installed or not.

    It is taken once a process, which has to ask for it when it has just imported the code.
    """
    digest = hashlib.sha256()
    names = {path.relative_to(_PACKAGE).as_posix(): path for path in _PACKAGE.rglob("*") if path.is_file()}
    for name in sorted(names):
        of_code = not name.endswith(".pyc") and not name.startswith(_QUESTIONS)
        if of_code and not any(part.startswith(".") for part in name.split("/")):
            digest.update(f"{name} {hashlib.sha256(names[name].read_bytes()).hexdigest()}\n".encode())
    return f"{SOURCE}{digest.hexdigest()[:16]}"


def short_revision(revision: str) -> str:
    """As pages and messages show it: twelve digits of a commit."""
    return revision if revision.startswith(SOURCE) else revision[:12]


def _commit() -> Revision | None:
    """None where no repository has the package as its own code."""
    if _INSTALLED & set(_PACKAGE.parts):
        return None
    # of this package's checkout: any owner, and whatever repository a hook that calls us works in
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(_PACKAGE)]

    def git(*words: str) -> str:
        return subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if not git("ls-files", "--", "__init__.py"):
            return None
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None
