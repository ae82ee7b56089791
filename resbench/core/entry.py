"""A function of the user's own: `my_net.py:make` of a file, or `package.module:make` of an installed package.

It is known by the digest of its file: a text with a stamp means this content and no other.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.open_section import ARGUMENT, PLACEHOLDER
from resbench.core.own_code import ChangedCode, digest_of, digest_of_module, line_of, load_file, refuse_unwanted
from resbench.core.places import content_of, resolve, stamped, unstamped

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_KNOWN: dict[str, Entry] = {}  # by content: what a process has loaded once it finds again, wherever the file is by then


@dataclass(frozen=True)
class Entry:
    """A function of the user's own.

    Attributes:
        text: as it is written, with the stamp of its content.
        file: where the function stands.
    """

    function: Callable[..., Any]
    text: str
    file: Path

    @property
    def signature(self) -> str:
        """`make(channels, size, classes, width=32)`."""
        parameters = inspect.signature(self.function).parameters.values()
        bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        return f"{unstamped(self.text)[0].rpartition(':')[2]}{inspect.Signature(bare)}"

    def arguments(self, handed: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name: those that are given, and the defaults of the others that are plain values.

        Args:
            handed: what comes first when the function is called, in this order.

        Raises:
            WrongArgument: it cannot be called so.
        """
        parameters = inspect.signature(self.function).parameters
        leading = [name for name, one in parameters.items() if one.kind in _POSITIONAL][: len(handed)]
        kinds = {one.kind for one in parameters.values()}
        if len(leading) < len(handed) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise WrongArgument("", f"{self.signature} of {self.file} should take {', '.join(handed)} first")
        free = {name: one for name, one in parameters.items() if name not in leading and one.kind in _NAMED}
        for name in given:
            if name in leading:
                raise WrongArgument(name, f"is what resbench gives {self.signature} of {self.file}: leave it out")
            if name not in free and inspect.Parameter.VAR_KEYWORD not in kinds:
                text = f"is no argument of {self.signature} of {self.file}{suggestion(name, free)}"
                raise WrongArgument(name, text)
        for name, one in free.items():
            if one.default is one.empty and name not in given:
                raise WrongArgument(name, f"is missing: {self.signature} of {self.file} has no default for it")
        defaults = {name: one.default for name, one in free.items() if name not in given and _is_plain(one.default)}
        found = defaults | dict(given)
        return {name: found[name] for name in free if name in found} | found  # in the order of the function

    def takes_more(self, handed: Sequence[str]) -> bool:
        """Whether the function has arguments of its own, behind what it is handed."""
        parameters = list(inspect.signature(self.function).parameters.values())
        leading = [one for one in parameters if one.kind in _POSITIONAL][: len(handed)]
        return any(one not in leading and one.kind != inspect.Parameter.VAR_POSITIONAL for one in parameters)

    def call(self, *handed: Any, **arguments: Any) -> Any:
        """What the function returns.

        Raises:
            UserError: it raises something; with the line of the user's file.
        """
        try:
            return self.function(*handed, **arguments)
        except Exception as error:
            raise self.failure(error) from error

    def failure(self, error: Exception) -> UserError:
        """One line on what went wrong in the user's file."""
        return UserError(
            f"{line_of(error, self.file)}: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        )


class WrongArgument(UserError):
    """A function of the user's own cannot be called with what is given.

    Attributes:
        argument: the one to blame; empty where it is the function.
    """

    def __init__(self, argument: str, text: str) -> None:
        super().__init__(text)
        self.argument = argument

    def path(self, section: str) -> str:
        """Where the argument stands, as `model.args.width`."""
        return f"{section}.{self.argument or PLACEHOLDER}"


def load_entry(text: str) -> Entry:
    """The function that a text names.

    Args:
        text: paths start at the folder of the grid file. With a stamp it means what has this digest.

    Raises:
        UserError: it is not there, or cannot be loaded.
        ChangedCode: it is not what the stamp says.
    """
    plain, digest = unstamped(text)
    if digest and (known := _KNOWN.get(content_of(text))):
        return dataclasses.replace(known, text=text)
    place, _, name = plain.rpartition(":")
    if not place or not name.isidentifier():
        example = plain if plain.endswith(".py") else "my_file.py"
        raise UserError(f"{plain!r} should name a function, as in {example}:NAME or package.module:NAME")
    if place.endswith(".py"):
        _check_stamp(digest, digest_of(resolve(place)), resolve(place))  # before it is executed
        function, file, now = _of_file(place, name)
    else:
        function, file, now = _of_package(place, name)
    _check_stamp(digest, now, file)
    if not callable(function):
        raise UserError(f"{file}: {name} is no function")
    entry = Entry(function, stamped(plain, now), file)
    _KNOWN[content_of(entry.text)] = entry
    return entry


def _check_stamp(digest: str, now: str, file: Path) -> None:
    if digest not in ("", now):
        raise ChangedCode(f"{file}: has changed since the run was planned; `resbench run` plans it again")


def _of_file(place: str, name: str) -> tuple[Any, Path, str]:
    own = load_file(place)
    return own.attribute(name), own.path, own.digest


def _of_package(place: str, name: str) -> tuple[Any, Path, str]:
    refuse_unwanted(place)
    try:
        module = importlib.import_module(place)
    except ImportError as error:
        raise UserError(
            f"{place}: cannot be imported: {error}; a file of your own is written path/to/file.py:{name}"
        ) from None
    if not hasattr(module, name):
        raise UserError(f"{place}: it has no {name}{suggestion(name, vars(module))}")
    function = getattr(module, name)
    try:
        file = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
    except TypeError:
        raise UserError(f"{place}: {name} is no function that is written in Python") from None
    return function, file, digest_of_module(sys.modules[inspect.unwrap(function).__module__])


def _is_plain(value: object) -> bool:
    """Whether a default is a value that a grid can have."""
    try:
        ARGUMENT.validate_python(value)
    except ValidationError:
        return False
    return True
