"""What the configuration of a network refuses, and why."""

import pytest
from pydantic import ValidationError

from resbench.model import ModelConfig


def test_depth_outside_the_family_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="the nearest are 28 and 34"):
        ModelConfig(depth=33)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"branch": "rezero", "shortcut": "none"}, "branch rezero needs a shortcut"),
        ({"drop_path": 0.1, "shortcut": "none"}, "dropping a branch needs a shortcut"),
        ({"branch": "fixup"}, "fixup takes the place of the norm"),
        ({"branch": "fixup", "norm": "none", "convs_per_unit": 1, "depth": 10}, "use 2 or 3 per unit"),
        ({"branch": "zero_gamma", "norm": "none"}, "zero_gamma needs a branch that ends in a norm"),
        ({"branch": "zero_gamma", "unit": "preact"}, "zero_gamma needs a branch that ends in a norm"),
        ({"branch": "zero_gamma", "unit": "relu_before_add"}, "zero_gamma needs a branch that ends in a norm"),
        ({"branch": "fixup", "norm": "none", "unit": "seed"}, "the ReLU that ends the branch of seed"),
        ({"unit": "relu_only_preact", "norm": "none"}, "is the same as preact"),
        (
            {"branch": "zero_gamma", "unit": "bn_after_add", "convs_per_unit": 1, "depth": 10},
            "zero_gamma needs a branch that ends in a norm",
        ),
        ({"unit": "bn_after_add", "norm": "none"}, "is the same as original"),
        ({"shortcut": "conv", "projection_norm": False}, "conv is the same as projection"),
        ({"shortcut": "conv", "norm": "none"}, "conv is the same as projection"),
        ({"shortcut": "scaled", "branch": "skipinit", "branch_scale": 0.5}, "leave it at auto"),
    ],
)
def test_combinations_that_mean_nothing_are_refused(config: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ModelConfig.model_validate(config)
