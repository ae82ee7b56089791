"""Files that a reader, or a crash, sees whole or not at all, on local disks and on those that machines share."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from resbench.core.errors import Unwritable, UserError
from resbench.core.locks import wait_for_lock

# what file systems without hard links say (AFS and BeeGFS have none between folders, SMB and some FUSE have none)
_UNLINKABLE = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one command at a time write into a folder, such as the reports; the others wait."""
    with wait_for_lock(hidden(folder / ".work") / "writing.lock"):
        yield


def hidden(folder: Path) -> Path:
    """Make a folder that hides itself from git."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists() or not ignore.stat().st_size:
            ignore.write_text("*\n")
    except OSError as error:
        raise Unwritable(error.errno, error.strerror, error.filename) from None
    return folder


def replace(path: Path, content: bytes, scratch: Path) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one and nothing between.

    Raises:
        Unwritable: then the old one stays.
    """
    temporary = temporary_in(scratch, path.name)
    write_through(temporary, content)
    try:
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise Unwritable(error.errno, error.strerror, str(path)) from None


def discard(path: Path) -> None:
    """Remove a file, and what killed processes have left of writing it; only for a process that alone may write it."""
    path.unlink(missing_ok=True)
    for leftover in path.parent.glob(f"{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


def temporary_in(folder: Path, name: str) -> Path:
    """A name that no other process, on whatever machine, uses; `discard` and `Store.sweep` remove what a crash leaves."""
    return folder / f"{name}.{uuid.uuid4().hex[:12]}.tmp"


def named_first(temporary: Path, path: Path) -> bool:
    """Give a file its name; False if the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS may have done it, lost its answer, and asked again: the name is then ours (open(2), O_EXCL)
        return temporary.stat().st_nlink > 1
    except OSError as error:
        if error.errno not in _UNLINKABLE:
            raise
        # no hard links, or not between folders: the claim of the run alone keeps others from writing now
        if path.exists():
            return False
        temporary.replace(path)
    return True


def write_through(path: Path, content: bytes) -> None:
    """Write a file to the disk itself.

    Raises:
        Unwritable: then there is no file.
    """
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise Unwritable(error.errno, error.strerror, str(path)) from None


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def user_path(text: str | Path) -> Path:
    """A path as a user gives it: `~` is the home, also where no shell has replaced it.

    Raises:
        UserError: no home is known.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: this home is not known: write the path without ~") from None


def reports_beside(results: Path) -> Path:
    """The folder of the pages of a results folder: `reports` next to `results`, `x-reports` next to `x`."""
    name = results.name if results.name not in ("", "..") else results.resolve().name
    parent = results.parent if results.name == name else results.resolve().parent
    return parent / (f"{name.removesuffix('results')}reports" if name.endswith("results") else f"{name}-reports")


def user_file(name: str | Path) -> str:
    """The name of a file as a user gives it: as it stands, but for a `~`."""
    return str(user_path(name)) if str(name).startswith("~") else str(name)


def user_storage(url: str) -> str:
    """The storage of a search as a user gives it: a file name or a URL; `~` is the home in either."""
    scheme, separator, path = url.partition(":///")
    if separator and scheme.startswith("sqlite"):
        return f"{scheme}:///{user_file(path)}"
    return user_file(url)
