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
from typing import Annotated, Any, cast

import torch
from pydantic import Field
from pydantic_core import PydanticCustomError
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from resbench.core.config import OnlyIfSet, SparseConfig, refuse
from resbench.core.entry import Entry, WrongArgument, load_entry
from resbench.core.errors import UserError
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


def build_own(config: OwnFields, channels: int, size: int, classes: int) -> nn.Module:
    """Make a network of the user's own.

    Raises:
        UserError: the function raises something, or returns no network.
    """
    entry = load_entry(config.entry)
    network = entry.call(channels, size, classes, **config.arguments)
    if not isinstance(network, nn.Module):
        raise UserError(f"{entry.signature} of {entry.file} returns {type(network).__name__}, and no nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in network.parameters()):
        with torch.no_grad():  # lazy layers take their sizes from what they see first
            network.eval()(torch.zeros(1, channels, size, size))
        network.train()
    return network


def checked(config: OwnFields, channels: int, size: int, classes: int) -> nn.Module:
    """The network of `build_own`, whose forward pass sees that it is one: shapes, and weights to train.

    Its forward pass raises UserError if it is not, or if it raises something itself.
    """
    entry = load_entry(config.entry)
    network = build_own(config, channels, size, classes)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise UserError(f"{entry.signature} of {entry.file} returns a network without weights to train")
    return _Checked(network, entry, classes)


class _Checked(nn.Module):
    def __init__(self, network: nn.Module, entry: Entry, classes: int) -> None:
        super().__init__()
        self.network, self._entry, self._classes = network, entry, classes

    def forward(self, x: Tensor) -> Tensor:
        try:
            logits = self.network(x)
        except Exception as error:
            raise self._entry.failure(error) from error
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if shape != (len(x), self._classes):
            expected = f"logits of shape (n, {self._classes}), here ({len(x)}, {self._classes})"
            raise UserError(f"{self._entry.file}: the network returns {shape} and should return {expected}")
        return cast("Tensor", logits)


def has_units(network: nn.Module) -> bool:
    """Whether probes can look at the residual units of a network."""
    units = getattr(network, "units", None)
    return isinstance(units, nn.Sequential) and len(units) > 0
