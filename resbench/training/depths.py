"""The depths that a run goes through (`recipe.grow`), by epoch."""

from __future__ import annotations

from resbench.training.run import RunConfig


def stages(run: RunConfig) -> list[tuple[int, int]]:
    """(first epoch, depth) of each stage, epochs counted from 0; a run that does not grow has one."""
    depths = [run.model.depth] if run.recipe.grow == "none" else run.recipe.grow
    return [(run.recipe.epochs * index // len(depths), depth) for index, depth in enumerate(depths)]


def spans(run: RunConfig) -> list[tuple[int, int]]:
    """(number of epochs, depth) of each stage."""
    ends = [first for first, _ in stages(run)[1:]] + [run.recipe.epochs]
    return [(end - first, depth) for (first, depth), end in zip(stages(run), ends, strict=True)]


def depth_in(run: RunConfig, epoch: int) -> int:
    """Depth of the network while this epoch (from 0) is trained."""
    return next(depth for first, depth in reversed(stages(run)) if first <= max(epoch, 0))


def at_depth(run: RunConfig, depth: int) -> RunConfig:
    """The same run with the network of another depth; streams stay as they are."""
    model = run.model.model_copy(update={"depth": depth})
    return run.with_model(model)
