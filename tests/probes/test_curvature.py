"""The probe `curvature`: quadratics with known eigenvalues."""

import pytest
import torch
from torch import nn

from resbench.probes.curvature import sharpness


def test_sharpness_is_the_largest_eigenvalue() -> None:
    """L = x.Ax / 2 + y^2 has the eigenvalues 5, 2 and 2."""
    a = torch.tensor([[3.5, 1.5], [1.5, 3.5]])
    x, y = nn.Parameter(torch.tensor([1.0, -2.0])), nn.Parameter(torch.tensor([[0.5]]))
    loss = x @ a @ x / 2 + (y**2).sum()
    assert sharpness(loss, [x, y], [torch.tensor([1.0, 0.3]), torch.ones(1, 1)], 30)[-1] == pytest.approx(5, rel=1e-5)


def test_where_all_eigenvalues_are_negative_so_is_the_sharpness() -> None:
    x = nn.Parameter(torch.tensor([1.0, -2.0]))
    assert sharpness(-3 * (x**2).sum(), [x], [torch.ones(2)], 2) == pytest.approx([-6, -6])


def test_the_largest_eigenvalue_need_not_be_that_of_largest_magnitude() -> None:
    a = torch.tensor([-10.0, 2.0, -1.0])
    x = nn.Parameter(torch.ones(3))
    assert sharpness((a * x**2).sum() / 2, [x], [torch.ones(3)], 40)[-1] == pytest.approx(2, rel=1e-3)
