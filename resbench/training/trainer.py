"""`trainer.*`: training code of the user in place of ours, a function of a Python file or a command line.

What it is, is part of a run's identity: the texts that name files carry the digest of their content.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from resbench.core.config import OnlyIfSet, SparseConfig, refuse
from resbench.core.entry import load_entry
from resbench.core.errors import UserError
from resbench.core.open_section import Argument, Open
from resbench.core.own_code import ChangedCode, digest_of
from resbench.core.places import plain_of, unstamped
from resbench.training import command_line

STDOUT = "stdout"


def _arguments(value: Any) -> Any:
    return {} if value == "none" else value


class TrainerConfig(SparseConfig):
    """Who trains, if it is not resbench itself: a function, or a command.

    A function returns metrics: `test_error`, or `wrong` (indices of test images) and `images` (their number), and any others.
    `report(epochs, val_accuracy=...)` says how far it is; it may end the run, by an exception.

    The files that a command names, and folders with a slash in them, start at the folder of the grid file; a run works in a
    folder of its own. A command that names no such file, as one of an installed program, is known by its words alone.
    """

    entry: Annotated[
        str,
        Field(
            description="Training code of your own in place of ours: `my.py:train`, with `train(config, seed, report)`."
        ),
        OnlyIfSet(),
    ] = "none"
    command: Annotated[
        str,
        Field(description="The same as a command line, with placeholders such as `{recipe.lr}` and `{seed}`."),
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
            if self.entry != "none":
                stamped = unstamped(self.entry)[1] != ""
                self.__dict__["entry"] = (
                    self.entry if stamped else load_entry(self.entry).text
                )  # it is still being made
            if self.command != "none":
                shlex.split(self.command)
                self.__dict__["command"] = command_line.stamp(self.command)
        except (UserError, ValueError) as error:
            text = error.lines[0] if isinstance(error, UserError) else f"{self.command!r}: {error}"
            raise refuse("trainer.entry" if self.entry != "none" else "trainer.command", text) from None
        return self

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
            raise ChangedCode(f"{changed[0]}: has changed since the run was planned; the same command plans it again")

    def function(self) -> Callable[..., Any]:
        """That of the entry.

        Raises:
            UserError: it cannot be loaded.
        """
        return load_entry(self.entry).function
