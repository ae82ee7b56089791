"""`model.shortcut`: how a unit's input x and its branch F(x) are joined, before the nonlinearity.

Each value is a function (Joint) -> module, and the module maps (x, branch) to their sum. A new one is such a function
and a line in `SHORTCUTS`; an option of its own is a field of `ShortcutFields`. He et al. 2015 (arXiv
1512.03385), section 3.3, has options A, B, C; He et al. 2016 (1603.05027), table 1, has the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resbench.core.config import Config, acts_if, one_of
from resbench.core.lazy import lazy, names_from
from resbench.core.tables import Table
from resbench.model.fields import NoShape

if TYPE_CHECKING:
    from torch import nn

    from resbench.model import layers
else:
    nn, layers = lazy("torch.nn"), lazy("resbench.model.layers")


@dataclass(frozen=True)
class Joint:
    """What a shortcut has to bridge: `cin` channels to `cout`, the map shrunk by `stride`.

    Attributes:
        norm: channels -> normalisation layer, as chosen by `model.norm`.
        bias: whether a convolution without a norm behind it has a bias.
        bias_before_norm: whether a convolution in front of `norm` has one.
        branch_scale: the constant of F(x) that `model.branch_scale` sets; 1 where it is auto.
    """

    cin: int
    cout: int
    stride: int
    norm: Callable[[int], nn.Module]
    bias: bool
    bias_before_norm: bool
    branch_scale: float
    config: ShortcutFields

    @property
    def keeps_shape(self) -> bool:
        return self.cin == self.cout and self.stride == 1

    def conv1x1(self) -> nn.Conv2d:
        return nn.Conv2d(self.cin, self.cout, 1, self.stride, bias=self.bias)

    def projection(self) -> nn.Module:
        """W x: a 1x1 convolution, with a norm behind it where `model.projection_norm` says so."""
        if not self.config.projection_norm:
            return self.conv1x1()
        conv = nn.Conv2d(self.cin, self.cout, 1, self.stride, bias=self.bias_before_norm)
        return nn.Sequential(conv, self.norm(self.cout))

    def match(self) -> nn.Module:
        """x itself where shapes agree, else the projection (option B)."""
        return nn.Identity() if self.keeps_shape else self.projection()

    def gated(self, gates_branch: bool) -> nn.Module:
        """x and F(x) weighed by a learned gate."""
        carried = self.match()  # first: the order in which the initial weights are drawn
        gate = nn.Conv2d(self.cin, self.cout, 1, self.stride)
        return layers.Gate(carried, gate, gates_branch, self.config.gate_bias)


def identity(joint: Joint) -> nn.Module:
    """y = x + F(x), and a projection where shapes differ (He et al. 2015, 1512.03385, equations 1 and 2, option B)."""
    return layers.Sum(joint.match())


def projection(joint: Joint) -> nn.Module:
    """y = W x + F(x) in every unit: a 1x1 convolution, with its norm (He et al. 2015, 1512.03385, option C)."""
    return layers.Sum(joint.projection())


def none(joint: Joint) -> nn.Module:
    """y = F(x): the plain network, without shortcuts."""
    return layers.NoShortcut()


def zero_pad(joint: Joint) -> nn.Module:
    """y = x + F(x); where shapes differ every second pixel of x, and zeros as new channels: no parameters (option A)."""
    return layers.Sum(nn.Identity() if joint.keeps_shape else layers.ZeroPad(joint.cout - joint.cin, joint.stride))


def scaled(joint: Joint) -> nn.Module:
    """y = a x + b F(x) with the constants a = shortcut_scale and b = branch_scale (He et al. 2016, 1603.05027, table 1)."""
    return layers.Sum(joint.match(), joint.config.shortcut_scale, joint.branch_scale)


def exclusive_gate(joint: Joint) -> nn.Module:
    """y = (1 - g) x + g F(x) with a learned gate g = sigmoid(W_g x + b_g), as in highway networks (1505.00387).

    He et al. 2016 (1603.05027), section 3.1 and table 1; b_g starts at gate_bias.
    """
    return joint.gated(gates_branch=True)


def shortcut_gate(joint: Joint) -> nn.Module:
    """y = (1 - g) x + F(x): only the shortcut is gated, by a learned g (He et al. 2016, 1603.05027, table 1)."""
    return joint.gated(gates_branch=False)


def conv(joint: Joint) -> nn.Module:
    """y = W x + F(x) with a bare 1x1 convolution where shapes agree (He et al. 2016, 1603.05027, table 1)."""
    return layers.Sum(joint.conv1x1() if joint.keeps_shape else joint.projection())


def dropout(joint: Joint) -> nn.Module:
    """y = dropout(x) + F(x) with the rate shortcut_dropout (He et al. 2016, 1603.05027, table 1)."""
    return layers.Sum(nn.Sequential(joint.match(), nn.Dropout(joint.config.shortcut_dropout)))


SHORTCUTS: Table[Callable[[Joint], nn.Module]] = Table(
    "SHORTCUTS",
    {
        "identity": identity,
        "projection": projection,
        "none": none,
        "zero_pad": zero_pad,
        "scaled": scaled,
        "exclusive_gate": exclusive_gate,
        "shortcut_gate": shortcut_gate,
        "conv": conv,
        "dropout": dropout,
    },
)
GATED = ("exclusive_gate", "shortcut_gate")
CARRYING = ("identity", "zero_pad")  # y = x + F(x) where shapes agree: with F = 0 the unit is the identity
UNPROJECTED = ("none", "zero_pad")


class ShortcutFields(Config):
    """The shortcut and its options."""

    shortcut: Annotated[
        str,
        one_of(SHORTCUTS),
        Field(
            description="How the input x of a unit and its branch F(x) are joined. He et al. 2015 (1512.03385), section 3.3, "
            "have options A, B and C; He et al. 2016 (1603.05027), table 1, have the others."
        ),
    ] = "identity"
    shortcut_scale: Annotated[
        float,
        Field(ge=0, le=10, description="The constant a of y = a x + b F(x) (He et al. 2016, 1603.05027, equation 6)."),
        NoShape(),
        acts_if(lambda model: model.shortcut == "scaled", "model.shortcut is scaled"),
    ] = 0.5
    shortcut_dropout: Annotated[
        float,
        Field(gt=0, lt=1, description="Dropout rate on shortcuts (He et al. 2016, 1603.05027, section 3.1)."),
        NoShape(),
        acts_if(lambda model: model.shortcut == "dropout", "model.shortcut is dropout"),
    ] = 0.5
    gate_bias: Annotated[
        float,
        Field(
            ge=-50,
            le=50,
            description="Bias b_g of the gates at the start: at -6 a gate of 0.002 leaves the shortcut open. He et al. 2016 "
            "(1603.05027), section 3.1, find that it decides; they take -6 for exclusive gates.",
        ),
        NoShape(),
        acts_if(lambda model: model.shortcut in GATED, f"model.shortcut is {' or '.join(GATED)}"),
    ] = -6.0
    projection_norm: Annotated[
        bool,
        Field(description="Whether a norm follows the 1x1 convolution of a projection."),
        acts_if(
            lambda model: model.shortcut not in UNPROJECTED and model.norm != "none",
            f"there is a norm, and model.shortcut is not {' or '.join(UNPROJECTED)}",
        ),
    ] = True


# what plug-ins build upon, and import from here
__getattr__ = names_from("resbench.model.layers", {"Gate", "NoShortcut", "Sum", "ZeroPad"}, __name__)
