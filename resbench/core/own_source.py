"""What a Python file of a user consists of: its own text, and that of what it imports from its folder.

These texts are executed as they were read, and not as they lie on the disk a moment later or in a cache of bytecode, so that
a digest is of the code that runs. Each file has its neighbours for itself: two folders may both have a `layers.py`.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from resbench.core.errors import UserError

_ELSEWHERE = {*sys.stdlib_module_names, "resbench"}  # never taken for files of the same folder, as in a checkout

_PYTHON_SCRIPT = re.compile(rb"#![^\n]*python")


def contents(file: Path, root: Path | None = None, top: str = "") -> dict[str, bytes]:
    """Name relative to a folder -> content, of a file, and if it is a Python file of what it imports from there.

    The file comes first. What is imported in functions belongs to it, too.

    Args:
        root: the folder; that of the file by default.
        top: the only package in it that counts; every module by default.

    Raises:
        UserError: a file cannot be read.
    """
    root = root or file.parent
    found: dict[str, bytes] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name in found:
            continue
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        waiting += _imported(found[name], path, root, top)
    return found


def digest_of(texts: Mapping[str, bytes]) -> str:
    """16 hexadecimal digits of the SHA-256 of a file; of several, of a list of theirs as `sha256sum` writes it.

    In the list the file stands first, as two that import each other consist of the same files.
    """
    main = next(iter(texts))
    names = [main, *sorted(texts.keys() - {main})]
    digests = {name: hashlib.sha256(texts[name]).hexdigest() for name in names}
    if len(digests) == 1:
        return next(iter(digests.values()))[:16]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _imported(content: bytes, path: Path, root: Path, top: str) -> Iterator[Path]:
    if path.suffix != ".py" and not _PYTHON_SCRIPT.match(content):
        return  # a table of numbers would be parsed as well, and takes hundreds of times its size
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # the loading says so
        return
    package = path.relative_to(root).parent.parts
    for node in ast.walk(tree):
        for parts in _names(node, package):
            if not parts or parts[0] in _ELSEWHERE or (top and parts[0] != top):
                continue
            for depth in range(1, len(parts) + 1):
                stem = root.joinpath(*parts[:depth])
                yield from (each for each in (stem.with_suffix(".py"), stem / "__init__.py") if each.is_file())


def _names(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What a statement imports, in parts; what is imported from a module may be a module too."""
    if isinstance(node, ast.Import):
        yield from (tuple(each.name.split(".")) for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) - node.level + 1] if node.level else ()
        start += tuple(node.module.split(".")) if node.module else ()
        yield from ((*start, each.name) for each in node.names)


def execute(name: str, file: Path, texts: Mapping[str, bytes]) -> ModuleType:
    """Execute a Python file as a module of this name, in which those that it imports from its folder have theirs.

    Args:
        texts: as `contents` gives them.

    Raises:
        Exception: whatever the file raises.
    """
    _FINDER.files[name] = file, {_dotted(each): (file.parent / each, text) for each, text in texts.items()}
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    before = [each for each in sys.modules if each == name or each.startswith(f"{name}.")]
    for each in before:  # of a try that failed
        del sys.modules[each]
    return importlib.import_module(name)


def _dotted(name: str) -> str:
    """`package/layers.py` -> `package.layers`."""
    return ".".join(Path(name).with_suffix("").parts).removesuffix(".__init__")


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of users' files, whose names begin with that of the file that they belong to.

    Attributes:
        files: that name -> the file, and its texts by the name under which it imports them.
    """

    def __init__(self) -> None:
        self.files: dict[str, tuple[Path, dict[str, tuple[Path, bytes]]]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        own, _, name = fullname.partition(".")
        if own not in self.files:
            return None
        file, texts = self.files[own]
        place = texts[name][0] if name in texts else None if name else file
        package = not name or any(each.startswith(f"{name}.") for each in texts)
        if place is None:
            return ModuleSpec(fullname, self, is_package=True) if package else None
        spec = importlib.util.spec_from_file_location(fullname, place, loader=self)
        if spec and (package or place.name == "__init__.py"):
            spec.submodule_search_locations = []  # only what we find
        return spec

    def exec_module(self, module: ModuleType) -> None:
        own, _, name = module.__name__.partition(".")
        file, texts = self.files[own]
        path, text = texts.get(name or file.stem, (file, b""))
        if {each.partition(".")[0] for each in texts} - {file.stem}:
            vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import_for(own, texts)}
        exec(compile(text, str(path), "exec", dont_inherit=True), vars(module))


_FINDER = _Finder()


def _import_for(own: str, texts: Mapping[str, object]) -> Any:
    """`__import__` for a file of a user and its neighbours: a name of theirs is theirs."""
    tops = {each.partition(".")[0] for each in texts}

    def find(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in tops:
            return builtins.__import__(name, globals, locals, fromlist, level)
        found = builtins.__import__(f"{own}.{name}", globals, locals, fromlist, 0)
        return found if fromlist else sys.modules[f"{own}.{top}"]

    return find
