"""Python files of users, and plug-ins of installed packages: loaded, and known by the digest of what is in them.

A file may import others from its own folder; these belong to its content. What it imports from elsewhere does not.
"""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from resbench.core import own_source
from resbench.core.config import Config
from resbench.core.errors import UserError
from resbench.core.places import Home, relative_to, resolve
from resbench.core.tables import TABLES, Origin, own_values, tables_in

GROUP = "resbench.plugins"  # of the entry points of installed packages


class ChangedCode(UserError):
    """A file of the user's own is not what it was when runs were planned; those that are done have their records."""

    def __init__(self, lines: str) -> None:
        super().__init__(lines, code=1)


@dataclass(frozen=True)
class OwnFile:
    """A Python file of a user, loaded.

    Attributes:
        path: absolute.
        digest: 16 hexadecimal digits of the SHA-256 of its content, and of what it imports from its folder.
    """

    path: Path
    digest: str
    module: ModuleType

    def attribute(self, name: str) -> Any:
        """What the file calls so.

        Raises:
            UserError: nothing is called so.
        """
        if not hasattr(self.module, name):
            functions = [each for each, value in vars(self.module).items() if callable(value) and each[:1] != "_"]
            raise UserError(f"{self.path}: it has no {name}; it has {', '.join(functions) or 'no functions'}")
        return getattr(self.module, name)


def load_file(path: str) -> OwnFile:
    """Load a Python file; again only if its content has changed.

    Args:
        path: relative to the folder of the grid file.

    Raises:
        UserError: it is not there, or cannot be loaded, or is not to be executed.
    """
    file = resolve(path)
    refuse_unwanted(str(file))
    texts = own_source.contents(file)
    digest = own_source.digest_of(texts)
    if (file, digest) not in _loaded:
        _loaded[file, digest] = OwnFile(file, digest, _execute(file, digest, texts))
    return _loaded[file, digest]


_loaded: dict[tuple[Path, str], OwnFile] = {}
_REFUSED: ContextVar[list[str] | None] = ContextVar("refused", default=None)


@contextlib.contextmanager
def nothing_executed() -> Iterator[list[str]]:
    """Meanwhile no code of a user is executed: what wants some fails; yields the names of what was not executed.

    For commands that only read results, which may be those of somebody else.
    """
    refused: list[str] = []
    token = _REFUSED.set(refused)
    try:
        yield refused
    finally:
        _REFUSED.reset(token)


def refuse_unwanted(name: str) -> None:
    """See that code of a user may be executed.

    Raises:
        UserError: it may not.
    """
    refused = _REFUSED.get()
    if refused is not None:
        refused.append(name)
        raise UserError(f"{name}: is not executed")


def digest_of(file: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of a Python file, and of what it imports from its own folder.

    Raises:
        UserError: it cannot be read.
    """
    return own_source.digest_of(own_source.contents(file))


def _execute(file: Path, digest: str, texts: dict[str, bytes]) -> ModuleType:
    if file.suffix != ".py":
        raise UserError(f"{file}: it is not a Python file: its name should end in .py")
    try:
        return own_source.execute(f"resbench_own_{file.stem}_{digest}".replace(".", "_"), file, texts)
    except Exception as error:
        raise UserError(f"{line_of(error, file)}: {type(error).__name__}: {_text(error)}") from None


def _text(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def line_of(error: Exception, file: Path) -> str:
    """`file:line` where a file of the user's, or one next to it, failed; the file alone if the line is not known."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno}" for frame in frames if Path(frame.filename).parent == file.parent]
    return lines[-1] if lines else str(file)


def load_plugin(path: str, in_use: Collection[str] = ()) -> OwnFile:
    """Load a Python file, and add the values in its tables to those of resbench.

    Args:
        in_use: sources whose values are in use at the same time: those of the other plug-ins of a grid.

    Raises:
        UserError: it cannot be loaded, it has no such table, or a value of it is there already.
    """
    own = load_file(path)
    _extend(own.module, Origin(str(own.path), own.digest, own.path.name), {*in_use, *_installed})
    return own


_installed: dict[str, Origin] = {}


@cache
def load_installed() -> None:
    """Add the values of installed packages that have an entry point in the group `resbench.plugins`.

    Raises:
        UserError: one of them cannot be loaded, or a value of it is there already.
    """
    for entry in sorted(entry_points(group=GROUP)):
        source = f"{entry.module} of {entry.dist.name if entry.dist else 'an installed package'}"
        try:
            module = importlib.import_module(entry.module)
        except Exception as error:
            raise UserError(f"{source}: {type(error).__name__}: {error}") from None
        origin = _origin(entry, module, source)
        _extend(module, origin, _installed)
        _installed[source] = origin


def _origin(entry: EntryPoint, module: ModuleType, source: str) -> Origin:
    name = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module
    return Origin(source, digest_of_module(module), name)


@cache  # it stays as it was imported
def digest_of_module(module: ModuleType) -> str:
    """As `digest_of`, of a module of an installed package; what it imports from its own package belongs to its content."""
    file, parts = Path(str(module.__file__)), module.__name__.split(".")
    root = file.parents[len(parts) - (0 if hasattr(module, "__path__") else 1)]
    return own_source.digest_of(own_source.contents(file, root, parts[0]))


def open_home(home: Home | None) -> None:
    """Load what extends resbench: what installed packages bring, and the plug-ins of a grid.

    Raises:
        UserError: one of them cannot be loaded, or a value of it is there already.
    """
    load_installed()
    paths = [*map(str, home.plugins)] if home else []
    for path in paths:
        load_plugin(path, paths)


def is_open(source: str, home: Home) -> bool:
    """Whether the values of a source are among those of a grid: of another grid in this process they are not."""
    return source in _installed or source in map(str, home.plugins)


@contextlib.contextmanager
def at_home(home: Home | None) -> Iterator[None]:
    """Configurations that are checked meanwhile know what a grid loads, and their paths start at its folder.

    Raises:
        UserError: a plug-in cannot be loaded, or a value of it is there already.
    """
    open_home(home)
    with relative_to(home) if home else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def blamed(config: Config) -> Iterator[None]:
    """What a plug-in of a configuration raises before any run becomes one line, with its place in the plug-in.

    Raises:
        UserError: something was raised, and values of plug-ins are in use.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        own = [*own_values(config)]
        if not own:
            raise
        files = [each.origin.source for each in own]
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else " or ".join(dict.fromkeys(files))
        values = ", ".join(f"{each.path.rpartition('.')[2]} {each.value}" for each in own)
        text = str(error).partition("\n")[0]
        raise UserError(f"{place}: with {values}: {type(error).__name__}: {text}") from None


def _extend(module: ModuleType, origin: Origin, in_use: Collection[str]) -> None:
    found = tables_in(vars(module), origin.source)
    for name, table in TABLES.items():  # of the others go what an earlier version of the file had
        table.extend(found.get(name, {}), origin, in_use)
