"""Every key of a search file: those of its own here, those that it shares with a grid file from there."""

from __future__ import annotations

from resbench.grid.keys import BASE, CLAIMS, FAMILY, LABELS, METRICS, NAME, PLUGINS, PROBES, STORY, TRAINER, Key
from resbench.tuning.search import PRUNERS, SAMPLERS

SEARCH_KEYS = (
    NAME,
    BASE,
    Key(
        "arms",
        "fields, each with a list of values",
        "none: one arm",
        "What is compared. Every combination of values is an arm, and each arm gets the same trials.",
        "arms:\n  model.shortcut: [identity, none]",
    ),
    Key(
        "search",
        "fields, each with a range or choices",
        "has to be given",
        "Where each field is searched: `{low: 0.01, high: 1.0}`, with `log: true` on a logarithmic scale or with a `step`, "
        "or `{choices: [...]}`. Both ends belong to a range, and are checked against the bounds of the field.",
        "search:\n  recipe.lr: {low: 0.005, high: 1.0, log: true}\n  model.dropout: {choices: [0.0, 0.1, 0.3]}",
    ),
    Key(
        "trials",
        "a number from 1 to 100,000",
        "30",
        "How many settings are tried for each arm. One that diverged or was pruned counts; one that failed does not.",
        "trials: 60",
    ),
    Key(
        "seeds",
        "`search` and `confirm`, or one of them",
        "`{search: 1, confirm: 5}`",
        "How many seeds each trial has, and on how many fresh ones the winner and the untuned arm are run again.",
        "seeds: {search: 1, confirm: 5}",
    ),
    Key(
        "sampler",
        f"one of {', '.join(SAMPLERS)}",
        "tpe",
        "How the next setting is chosen.",
        "sampler: random",
    ),
    Key(
        "pruner",
        f"one of {', '.join(PRUNERS)}",
        "hyperband",
        "How trials that promise little are stopped early.",
        "pruner: median",
    ),
    PROBES,
    CLAIMS,
    FAMILY,
    LABELS,
    STORY,
    PLUGINS,
    TRAINER,
    METRICS,
)
