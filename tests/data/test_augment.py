"""Augmentation of whole batches: what it moves, what it keeps, and what it draws from."""

import pytest
import torch
from torch import Generator

from resbench.data.augment import AUGMENTS

IMAGES = torch.randint(0, 256, (6, 3, 28, 28), dtype=torch.uint8, generator=Generator().manual_seed(0))
CHANGES = [name for name in AUGMENTS if name != "none"]


@pytest.mark.parametrize("name", AUGMENTS)
def test_keeps_shape_range_and_memory_format(name: str) -> None:
    for images in (IMAGES, IMAGES[:, :1].contiguous()):
        out = AUGMENTS[name](images, Generator().manual_seed(1))
        assert out.shape == images.shape
        assert out.stride() == images.stride()  # a transposed batch would turn the network channels-last
        assert out.min() >= 0 and out.max() <= 255


@pytest.mark.parametrize("name", CHANGES)
def test_draws_from_its_generator_alone(name: str) -> None:
    first, again, other = (AUGMENTS[name](IMAGES, Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, IMAGES)


def test_shift_moves_whole_images_by_at_most_two_pixels() -> None:
    dot = torch.zeros(200, 1, 28, 28, dtype=torch.uint8)
    dot[:, :, 14, 14] = 255
    out = AUGMENTS["shift"](dot, Generator().manual_seed(0))
    places = (out[:, 0] == 255).nonzero()[:, 1:]
    assert len(places) == 200
    assert places.min() == 12 and places.max() == 16


def test_cutout_is_a_quarter_of_the_side() -> None:
    for size in (28, 32):
        white = torch.full((100, 1, size, size), 255, dtype=torch.uint8)
        black = (AUGMENTS["cutout"](white, Generator().manual_seed(0)) == 0).flatten(1).sum(1)
        assert black.max() == (size // 4) ** 2 and black.min() >= (size // 8) ** 2


def test_affine_and_elastic_keep_a_centred_disc_roughly_where_it_is() -> None:
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    disc = (((y - 13.5) ** 2 + (x - 13.5) ** 2) < 36).float()[None, None].repeat(50, 1, 1, 1) * 255
    for name in ("affine", "elastic"):
        out = AUGMENTS[name](disc, Generator().manual_seed(0))
        kept = (out * (disc > 0)).sum() / disc.sum()
        assert kept > 0.8, name
