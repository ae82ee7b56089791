"""C12: ours against the fast script that one would write: the plain loop in bf16 with torch.compile."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from resbench.benchmark.measure import plain_steps
from resbench.core.errors import UserError
from resbench.training.device import apply_placement, choose, cores
from resbench.training.placement import placement_of
from resbench.training.timing import WARM, Protocol, timed, training_step

from ..rows import Row, not_checked
from ..setting import Setting
from .throughput import cell

_STEPS = 30  # fewer than an epoch has: its short last batch would be compiled too


def check(setting: Setting) -> Iterator[Row]:
    yield from (_compared(setting, width) for width in ((4,) if setting.small else (16,)))
    if setting.small:
        yield not_checked("torch.compile, which takes a minute: the loop in bf16 alone")


def _compared(setting: Setting, width: int) -> Row:
    run = cell(10, width, 16) if setting.small else cell(34, width)
    threads = 1 if setting.small else cores()
    placement = placement_of(run, choose(setting.device), threads)
    apply_placement(placement)
    ours = timed(
        training_step(run, placement), placement, Protocol(setting.device, threads, 0.0 if setting.small else 1.0)
    )
    options = ["--precision", "bf16"] + ["--compile"] * (not setting.small)
    what = f"one run against the plain loop with {' '.join(options)}, {run.model.depth} layers, width {width}"
    steps = 2 * WARM if setting.small else _STEPS
    try:
        plain = plain_steps(run, steps, Path(), setting.device, *options)
    except UserError as error:  # torch.compile needs a compiler, which is no part of torch
        return not_checked(f"{what}: {error}")
    ratio = statistics.median(plain) / statistics.median(ours)
    one, other = (run.recipe.batch_size / statistics.median(seconds) for seconds in (ours, plain))
    return Row(what, f"{ratio:.2f} ({one:,.0f} : {other:,.0f} images/s)", ratio)
