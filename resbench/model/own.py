"""Family `python`: a network of the user's own, made by a function of theirs.

`make(channels, size, classes, **args)` returns an `nn.Module` that maps images `(n, channels, size, size)` to logits `(n,
classes)`. Each of its further arguments can be an axis, `model.args.NAME`. It initialises its weights itself, from torch's
global generator, which is seeded for each run; no other source of chance gives the same run twice. Images come in the usual
memory format, and in training a step is computed as it is written: nothing is folded, or replayed as a graph.

Where the network has `units`, an `nn.Sequential` of residual units that its forward pass goes through, the probes that look at
units work too; they look at its `stem` as well, if it has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import PydanticCustomError

from resbench.core.config import OnlyIfSet, SparseConfig, refuse
from resbench.core.entry import WrongArgument, load_entry
from resbench.core.errors import UserError
from resbench.core.lazy import names_from
from resbench.core.open_section import Arguments

PYTHON = "python"
ABOUT = "A network of one's own: model.entry names the function that makes it, and model.args.NAME are its arguments."
HANDED = ("channels", "size", "classes")  # what the function is given first


class OwnFields(SparseConfig):
    """The function that makes a network of family `python`, and its arguments.

    Example:
        model: {family: python, entry: my_net.py:make, args: {width: 32}}
    """

    entry: Annotated[
        str,
        OnlyIfSet(),
        Field(
            description="Where model.family is python, the function that makes the network, make(channels, size, classes, **args): "
            "my_net.py:make of a file, from the folder of the grid file, or package.module:make of an installed package.\n\n"
            "It returns a module that turns images (n, channels, size, size) into logits (n, classes)."
        ),
    ] = "none"
    args: Annotated[
        Arguments,
        OnlyIfSet(),
        Field(
            description="Where model.family is python, an argument of the function that makes the network, by its name."
        ),
    ] = "none"

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the function by name."""
        return {} if isinstance(self.args, str) else self.args

    def take_entry(self) -> Iterator[PydanticCustomError]:
        """Load the function, write the stamp of its content into `entry`, and the defaults of its arguments into `args`.

        Yields:
            Why it cannot be.
        """
        try:
            entry = load_entry(self.entry)
            arguments = entry.arguments(HANDED, self.arguments)
        except WrongArgument as error:
            path = f"model.args.{error.argument}" if error.argument else "model.entry"
            yield refuse([path, "model.entry"], error.lines[0])
        except UserError as error:
            yield refuse("model.entry", error.lines[0])
        else:
            self.__dict__.update(entry=entry.text, args=arguments or "none")  # it is still being made


# what plug-ins may import from here, where it stood before
__getattr__ = names_from("resbench.model.own_network", {"build_own", "checked", "has_units"}, __name__)
