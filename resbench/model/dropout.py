"""`model.dropout`, `model.dropout_at` and `model.drop_path`: what is switched off at random in training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from resbench.core.config import Config, acts_if, one_of
from resbench.core.lazy import names_from
from resbench.model.fields import NoShape

DROPOUT_AT = {
    "head": "Before the classifier (Srivastava et al. 2014).",
    "unit": "Before the last convolution of each branch, as in wide residual networks (1605.07146, section 2.4).",
}


class DropoutFields(Config):
    """Dropout of features, and of whole branches."""

    dropout: Annotated[
        float, NoShape(), Field(ge=0, lt=1, description="Share of features that training sets to zero; 0 is none.")
    ] = 0.0
    dropout_at: Annotated[
        str,
        one_of(DROPOUT_AT),
        NoShape(),
        acts_if(lambda model: model.dropout > 0, "model.dropout is above 0"),
        Field(description="Where features are dropped."),
    ] = "head"
    drop_path: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Stochastic depth: chance that training skips the last branch, falling linearly to the first "
            "(Huang et al. 2016, 1603.09382, equation 4).",
        ),
    ] = 0.0


# what plug-ins may import from here, where it stood before
__getattr__ = names_from("resbench.model.layers", {"DropPath"}, __name__)
