"""`trainer.*`: training code of the user in place of ours, a function of a Python file or a command line.

What it is, is part of a run's identity: the texts that name files carry the digest of their content.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from resbench.core.config import OnlyIfSet, SparseConfig, refuse
from resbench.core.entry import WrongArgument, load_entry
from resbench.core.errors import UserError
from resbench.core.open_section import Argument, Open
from resbench.core.own_code import ChangedCode, digest_of
from resbench.core.places import plain_of, unstamped
from resbench.training import command_line

STDOUT = "stdout"
_HANDED = ("config", "seed", "report")


def _arguments(value: Any) -> Any:
    return {} if value == "none" else value


class TrainerConfig(SparseConfig):
    """Who trains, if it is not resbench itself: a function, or a command.

    A function has its arguments by name, `train(config, seed, report, trees=20)`, as `trainer.args.trees` says; one that takes
    the first three alone finds any in `config.trainer.args`. It returns metrics: `test_error`, or `wrong` (indices of test images) and `images` (their number), and any others.
    `report(epoch, val_accuracy=...)` says how far it is; it may end the run, by an exception.

    The files that a command names, and folders with a slash in them, start at the folder of the grid file; a run works in a
    folder of its own. A command that names no such file, as one of an installed program, is known by its words alone.
    """

    entry: Annotated[
        str,
        Field(
            description="Training code of your own in place of ours: `my.py:train` of a file, from the folder of the grid file, or "
            "`package.module:train`.\n\nIt is called as `train(config, seed, report, **args)` with `trainer.args`: `config.recipe.lr` "
            "is a field, `report(epoch, val_error=0.2)` says how far it is (epochs that are done), and it returns "
            "`{'test_error': 0.1}`, or `{'wrong': [3, 17], 'images': 1000}`, and metrics of its own."
        ),
        OnlyIfSet(),
    ] = "none"
    command: Annotated[
        str,
        Field(
            description="Training code of your own as a command line: `python my.py --lr {recipe.lr} --width {trainer.args.width} --seed {seed}`; "
            "{device} is cpu or cuda.\n\nFiles start at the folder of the grid file; it works in a folder of its own. It prints "
            'metrics as its last line, `{"test_error": 0.1}`, and may print `{"epoch": 1, "val_error": 0.2}` after each epoch.'
        ),
        OnlyIfSet(),
    ] = "none"
    metrics: Annotated[
        str,
        Field(description="The JSON file that the command leaves in its folder; else its last line of JSON counts."),
        OnlyIfSet(),
    ] = STDOUT
    args: Annotated[
        dict[str, Argument],
        Field(description="Names and values that your training code is given; each can be an axis."),
        BeforeValidator(_arguments),
        Open(),
        OnlyIfSet(),
    ] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _entry_alone(cls, values: Any) -> Any:
        return {"entry": values} if isinstance(values, str) else values

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.entry != "none" and self.command != "none":
            raise refuse(["trainer.command", "trainer.entry"], "a trainer is an entry or a command: leave one out")
        if not self.given and (self.args or self.metrics != STDOUT):
            what = "args" if self.args else "metrics"
            raise refuse(f"trainer.{what}", "there is no trainer: name it, as in `trainer: my.py:train`")
        if self.metrics != STDOUT and (self.command == "none" or Path(self.metrics).is_absolute()):
            raise refuse("trainer.metrics", "the file that a command leaves in its folder, such as out.json; or stdout")
        try:
            if self.entry != "none" and not unstamped(self.entry)[1]:  # it is still being made
                self._take_entry()
            if self.command != "none":
                shlex.split(self.command)
                self.__dict__["command"] = command_line.stamp(self.command)
        except WrongArgument as error:
            raise refuse(error.path("trainer.args") if error.argument else "trainer.entry", error.lines[0]) from None
        except (UserError, ValueError) as error:
            text = error.lines[0] if isinstance(error, UserError) else f"{self.command!r}: {error}"
            raise refuse("trainer.entry" if self.entry != "none" else "trainer.command", text) from None
        return self

    def _take_entry(self) -> None:
        """Write the stamp of the function's content into `entry`, and the defaults of its own arguments into `args`."""
        entry = load_entry(self.entry)
        more = entry.takes_more(_HANDED)
        arguments = entry.arguments(_HANDED, self.args if more else {})
        self.__dict__["entry"] = entry.text
        if more:
            self.__dict__["args"] = arguments

    @property
    def given(self) -> bool:
        """Whether another code than ours trains."""
        return self.entry != "none" or self.command != "none"

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return plain_of(self.entry if self.entry != "none" else self.command)

    def check(self) -> None:
        """See that its files are what they were when the run was planned.

        Raises:
            ChangedCode: one is not there, or has changed.
        """
        try:
            if self.entry != "none":
                load_entry(self.entry)
            changed = [path for path, before in command_line.files(self.command) if digest_of(path) != before]
        except UserError as error:
            raise ChangedCode(error.lines[0]) from None
        if changed:
            raise ChangedCode(f"{changed[0]}: has changed since the run was planned; `resbench run` plans it again")

    def function(self) -> Callable[..., Any]:
        """That of the entry, of config, seed and report alone.

        Raises:
            UserError: it cannot be loaded.
        """
        entry = load_entry(self.entry)
        return partial(entry.function, **self.args) if entry.takes_more(_HANDED) else entry.function
