"""Python files of users: loaded from where they are, and known by the digest of what is in them.

A file may import others from its own folder; these belong to its content. What it imports from elsewhere does not.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from resbench.core.errors import UserError
from resbench.core.places import Home, relative_to, resolve
from resbench.core.tables import TABLES, tables_in

GROUP = "resbench.plugins"  # of the entry points of installed packages
_ELSEWHERE = {*sys.stdlib_module_names, "resbench"}  # never taken for files of the same folder, as in a checkout


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
        UserError: it is not there, or cannot be loaded.
    """
    file = resolve(path)
    return _load(file, digest_of(file))


def digest_of(file: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of a Python file, and of what it imports from its own folder.

    Raises:
        UserError: it cannot be read.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(_contents(file).items())}
    if len(digests) == 1:
        return next(iter(digests.values()))[:16]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _contents(file: Path) -> dict[str, bytes]:
    """Name relative to the folder of a file -> content, of it and of what it imports from there."""
    found: dict[str, bytes] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(file.parent).as_posix()
        if name in found:
            continue
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        waiting += _imported(found[name], path, file.parent)
    return found


def _imported(content: bytes, path: Path, folder: Path) -> Iterator[Path]:
    """The files of a folder that a Python file imports, in functions too."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # the loading says so
        return
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            start = node.module or ""
            names = [start, *(f"{start}.{name}".lstrip(".") for name in names)]
        for name in filter(None, names):
            if name.split(".")[0] in _ELSEWHERE:
                continue
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                stem = folder.joinpath(*parts[:depth])
                yield from (each for each in (stem.with_suffix(".py"), stem / "__init__.py") if each.is_file())


@cache
def _load(file: Path, digest: str) -> OwnFile:
    name = f"resbench_own_{file.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file}: it is not a Python file: its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look there
    folder = str(file.parent)
    sys.path.insert(0, folder)
    for other in _contents(file):  # an earlier version of a neighbour, or one of another folder, is not what is meant
        sys.modules.pop(Path(other).with_suffix("").as_posix().replace("/", "."), None)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"{_line_of(error, file)}: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(folder)
    return OwnFile(file, digest, module)


def _line_of(error: Exception, file: Path) -> str:
    """`file:line` where the loading of a file failed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)


def load_plugin(path: str) -> OwnFile:
    """Load a Python file, and add the values in its tables to those of resbench.

    Raises:
        UserError: it cannot be loaded, it has no such table, or a value of it is there already.
    """
    own = load_file(path)
    _extend(own.module, own.digest, str(own.path))
    return own


@cache
def load_installed() -> None:
    """Add the values of installed packages that have an entry point in the group `resbench.plugins`.

    Raises:
        UserError: one of them cannot be loaded, or a value of it is there already.
    """
    for entry in entry_points(group=GROUP):
        source = f"{entry.value} (of {entry.dist.name if entry.dist else 'an installed package'})"
        try:
            module = importlib.import_module(entry.module)
        except Exception as error:
            raise UserError(f"{source}: {type(error).__name__}: {error}") from None
        _extend(module, digest_of(Path(str(module.__file__))), source)


def open_home(home: Home | None) -> None:
    """Load what extends resbench: what installed packages bring, and the plug-ins of a grid.

    Raises:
        UserError: one of them cannot be loaded, or a value of it is there already.
    """
    load_installed()
    for path in home.plugins if home else ():
        load_plugin(str(path))


@contextlib.contextmanager
def at_home(home: Home | None) -> Iterator[None]:
    """Configurations that are checked meanwhile know what a grid loads, and their paths start at its folder.

    Raises:
        UserError: a plug-in cannot be loaded, or a value of it is there already.
    """
    open_home(home)
    with relative_to(home) if home else contextlib.nullcontext():
        yield


def _extend(module: ModuleType, digest: str, source: str) -> None:
    for name, values in tables_in(vars(module), source).items():
        TABLES[name].extend(values, digest, source)
