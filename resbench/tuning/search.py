"""A search: base, arms, and what is searched; everything that a storage must agree on before it is continued."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resbench.core.config import flatten, nest
from resbench.grid.grid import Cell
from resbench.training.run import RunConfig

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp")
PRUNERS = ("none", "median", "hyperband")


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; a step makes them a list."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def suggest(self, trial: Trial, path: str) -> None:
        if self.whole:
            trial.suggest_int(path, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        else:
            trial.suggest_float(path, self.low, self.high, step=self.step, log=self.log)

    def stored(self, value: Any) -> Any:
        return value

    def value(self, stored: Any) -> Any:
        return stored

    def values(self) -> list[Any] | None:
        """Every value, or None if there are infinitely many."""
        if self.step is None and not self.whole:
            return None
        step = self.step or 1
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        made = (self.low + step * index for index in range(count))
        return [int(value) if self.whole else float(f"{value:.12g}") for value in made]

    def told(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True)
class Choices:
    """One of several values, without an order. Optuna knows a list by its JSON text, as it hashes what it chooses from."""

    choices: tuple[Any, ...]

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.stored(value) for value in self.choices])

    def suggest(self, trial: Trial, path: str) -> None:
        trial.suggest_categorical(path, [self.stored(value) for value in self.choices])

    def values(self) -> list[Any] | None:
        return list(self.choices)

    def stored(self, value: Any) -> Any:
        """A value as the storage has it."""
        return _text(value) if isinstance(value, list) else value

    def value(self, stored: Any) -> Any:
        """The inverse of `stored`."""
        lists = {_text(one): one for one in self.choices if isinstance(one, list)}
        return lists.get(stored, stored) if isinstance(stored, str) else stored

    def told(self) -> dict[str, Any]:
        return {"choices": list(self.choices)}


def _text(value: list[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


@dataclass
class Search:
    """A search file after its overrides.

    Attributes:
        base: dotted path -> value, for all arms; of a searched path the value of the untuned arm.
        arms: dotted path -> values, crossed: the comparison.
        space: dotted path -> where every arm is searched.
        trials: of each arm.
        seeds: of each trial; the winners are confirmed on as many as `confirm`, beyond these.
        probes: what is measured beside the confirmation; trials are not probed.
    """

    name: str
    file: str
    about: str = ""
    base: Cell = field(default_factory=dict)
    arms: dict[str, list[Any]] = field(default_factory=dict)
    space: dict[str, Range | Choices] = field(default_factory=dict)
    trials: int = 30
    seeds: int = 1
    confirm: int = 5
    sampler: str = "tpe"
    pruner: str = "hyperband"
    probes: tuple[str, ...] = ()
    claims: list[dict[str, Any]] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, file: str | Path, overrides: list[str] | None = None) -> Search:
        """Read and check a search file.

        Raises:
            UserError: one line for every mistake.
        """
        from resbench.tuning.reader import SearchReader

        return SearchReader(str(file), overrides or []).search()

    def points(self) -> list[Cell]:
        """The arms; the first path varies slowest."""
        return [dict(zip(self.arms, values, strict=True)) for values in itertools.product(*self.arms.values())]

    def study(self, arm: Cell) -> str:
        """Name of the Optuna study of an arm."""
        return f"{self.name}/{label(arm)}"

    def config(self, arm: Cell, values: Cell | None = None, seed: int = 0) -> RunConfig:
        """The run of an arm at these searched values, by default at those of the base."""
        found = RunConfig.model_validate(nest(self.base | arm | (values or {}))).normalised()
        return found.with_seed(seed)

    def values(self, stored: Cell) -> Cell:
        """The values of a trial, from its parameters as the storage has them."""
        return {path: self.space[path].value(value) for path, value in stored.items()}

    def untuned(self, arm: Cell) -> Cell:
        """The searched paths with the values of the base."""
        every = flatten(RunConfig.model_validate(nest(self.base | arm)).model_dump())
        return {path: every[path] for path in self.space}

    def grid(self) -> list[Cell] | None:
        """Every point of the space, or None if there are infinitely many."""
        values = [one.values() for one in self.space.values()]
        if any(found is None for found in values):
            return None
        product = itertools.product(*(found for found in values if found is not None))
        return [dict(zip(self.space, point, strict=True)) for point in product]

    @property
    def budget(self) -> int:
        """Trials of each arm: a grid has no more than its points."""
        points = self.grid() if self.sampler == "grid" else None
        return self.trials if points is None else min(self.trials, len(points))

    def epochs(self, arm: Cell) -> int:
        """The most that a trial of an arm can train, over its seeds."""
        searched = self.space.get("recipe.epochs")
        if searched is None:
            return self.seeds * self.config(arm).recipe.epochs
        return self.seeds * int(max(searched.values() or [1]))

    def identity(self, arm: Cell) -> dict[str, Any]:
        """What makes two searches of an arm the same one; the number of trials may grow."""
        return {
            "base": self.base,
            "arm": arm,
            "search": {path: one.told() for path, one in self.space.items()},
            "seeds": self.seeds,
            "sampler": self.sampler,
            "pruner": self.pruner,
        }

    def same(self, arm: Cell, stored: dict[str, Any]) -> list[str]:
        """The parts in which a stored search differs from this one."""
        ours = json.loads(json.dumps(self.identity(arm)))
        return [key for key in ours if ours[key] != stored.get(key)]


def label(arm: Cell) -> str:
    """`model.shortcut=none`, or `all` where there is one arm."""
    return " ".join(f"{path}={value}" for path, value in arm.items()) or "all"
