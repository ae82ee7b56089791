"""A search: base, arms, and what is searched; everything that a storage must agree on before it is continued."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from resbench.core.cell import Cell, Value
from resbench.core.cell import label as cell_label
from resbench.core.config import flatten, nest, suggestion
from resbench.core.entry import load_entry
from resbench.core.errors import UserError
from resbench.core.json_reader import Json
from resbench.core.own_code import ChangedCode, at_home, digest_of, open_home
from resbench.core.places import Home, content_of, content_of_command, unstamped
from resbench.core.text import NAME_RULE, is_name
from resbench.grid.expand import expand, points
from resbench.grid.own_files import home_of
from resbench.grid.source import FIELDS
from resbench.records.claim import Claim
from resbench.records.identity import FROZEN
from resbench.records.metrics import Metric
from resbench.records.study_file import Family, Story, Words
from resbench.training.run import RunConfig
from resbench.tuning.space import Range, Space

SAMPLERS = ("tpe", "random", "grid", "gp")
PRUNERS = ("none", "median", "hyperband")


@dataclass
class Search:
    """What `resbench tune` does: a comparison whose arms are tuned alike. `reader.load_search` reads one from YAML.

    Attributes:
        name: of the study; its records are kept in `results/<name>`.
        base: dotted path -> value, for all arms; of a searched path the value of the untuned arm.
        arms: dotted path -> values, crossed: the comparison.
        space: dotted path -> where every arm is searched.
        trials: of each arm.
        seeds: of each trial; the winners are confirmed on as many as `confirm`, beyond these.
        probes: what is measured during the confirmation; trials are not probed.
        family, labels, story, plugins, metrics: as of a Grid.
        file, overrides: where it was read from.
    """

    name: str
    base: dict[str, Value] = field(default_factory=dict)
    arms: dict[str, list[Value]] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    trials: int = 30
    seeds: int = 1
    confirm: int = 5
    sampler: str = "tpe"
    pruner: str = "hyperband"
    probes: tuple[str, ...] = ()
    claims: list[Claim] = field(default_factory=list)
    family: Family = "claim"
    labels: Mapping[str, Words] = field(default_factory=dict)
    story: Story | None = None
    plugins: Sequence[str] = ()
    metrics: Sequence[Metric] = ()
    about: str = ""
    file: str = ""
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise UserError(f"name: {self.name!r} is not a name: {NAME_RULE}")
        for key, value, allowed in (("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS)):
            if value not in allowed:
                text = f"{value!r} is not one of {', '.join(allowed)}{suggestion(value, allowed)}"
                raise UserError(f"search {self.name}: {key}: {text}")

    @cached_property
    def home(self) -> Home:
        """Where the files are that it names."""
        return home_of(self.file, self.plugins)

    @cached_property
    def digests(self) -> list[str]:
        """Of its plug-ins, as they were when it began."""
        return [*map(digest_of, self.home.plugins)]

    def pin_trainer(self) -> None:
        """Let the training code of a user be what it is now, for all trials to come."""
        trainer = self.config(self.points()[0]).trainer
        for path, text in (("trainer.entry", trainer.entry), ("trainer.command", trainer.command)):
            if path in self.base:
                self.base[path] = text

    def check(self) -> None:
        """See that a search built in Python means something; `load_search` has checked one from a file.

        Raises:
            UserError: an unknown field, or values that mean nothing together; one line for each.
        """
        open_home(self.home)
        _ = self.digests  # workers get it with the search
        unknown = [path for path in (*self.base, *self.arms, *self.space) if path not in FIELDS]
        if unknown:
            raise UserError(f"search {self.name}: {path}: unknown field{suggestion(path, FIELDS)}" for path in unknown)
        self._check_numbers()
        examples = {path: searched.examples() for path, searched in self.space.items()}
        ends = {path: [values[0], values[-1]] for path, values in examples.items()}
        for axes in (self.arms, {**self.arms, **ends}):
            refused = expand(points(axes), self.base).refused
            if refused:
                lines = dict.fromkeys(f"search {self.name}: {refusal.path}: {refusal.text}" for refusal in refused)
                raise UserError(lines)
        self.pin_trainer()

    def _check_numbers(self) -> None:
        counts = {"trials": self.trials, "seeds": self.seeds, "confirm": self.confirm}
        lines = [f"{key}: {count!r} should be a number from 1" for key, count in counts.items() if not _counts(count)]
        for path, searched in self.space.items():
            if isinstance(searched, Range) and not searched.low < searched.high:
                lines.append(f"{path}: low {searched.low} should be below high {searched.high}")
        if lines:
            raise UserError(f"search {self.name}: {line}" for line in lines)

    def points(self) -> list[Cell]:
        """The arms; the first path varies slowest."""
        return list(points(self.arms))

    def study_name(self, arm: Cell) -> str:
        """Name of the Optuna study of an arm."""
        return f"{self.name}/{arm_label(arm)}"

    def config(self, arm: Cell, values: Cell | None = None, seed: int = 0) -> RunConfig:
        """The run of an arm at these searched values, by default at those of the base."""
        with at_home(self.home):
            config = RunConfig.model_validate(nest({**self.base, **arm, **(values or {})})).normalised()
        if config.own_code and [*map(digest_of, self.home.plugins)] != self.digests:
            raise ChangedCode(f"search {self.name}: a file of its plugins has changed since it began")
        return config.with_seed(seed)

    def values(self, stored: Cell) -> dict[str, Value]:
        """The values of a trial, from its parameters as the storage has them."""
        return {path: self.space[path].from_storage(value) for path, value in stored.items()}

    def untuned(self, arm: Cell) -> dict[str, Value]:
        """The searched paths with the values of the base."""
        with at_home(self.home):
            values = flatten(RunConfig.model_validate(nest({**self.base, **arm})).model_dump())
        return {path: values.get(path, "none") for path in self.space}

    def grid(self) -> list[Cell] | None:
        """Every point of the space, or None if there are infinitely many."""
        listed = {path: searched.values() for path, searched in self.space.items()}
        finite = {path: values for path, values in listed.items() if values is not None}
        return list(points(finite)) if len(finite) == len(listed) else None

    @property
    def budget(self) -> int:
        """Trials of each arm: a grid has no more than its points."""
        cells = self.grid() if self.sampler == "grid" else None
        return self.trials if cells is None else min(self.trials, len(cells))

    @property
    def confirm_seeds(self) -> list[int]:
        """The seeds of the confirmation: no network of a trial is among them."""
        return list(range(self.seeds, self.seeds + self.confirm))

    def epochs(self, arm: Cell) -> int:
        """The most that a trial of an arm can train, over its seeds."""
        searched = self.space.get("recipe.epochs")
        if searched is None:
            return self.seeds * self.config(arm).recipe.epochs
        return self.seeds * max(value for value in searched.values() or [1] if isinstance(value, int))

    def identity(self, arm: Cell) -> dict[str, Json]:
        """What makes two searches of an arm the same one, as JSON; the number of trials may grow.

        A default is in it once it is no longer the frozen one: searches of before stay valid while it is.
        """
        values: dict[str, object] = {
            "base": self.base,
            "arm": arm,
            "search": {path: searched.as_given().to_json() for path, searched in self.space.items()},
            "seeds": self.seeds,
            "sampler": self.sampler,
            "pruner": self.pruner,
        }
        trainer = self.config(arm).trainer
        if trainer.given:  # by what is in its files, wherever they are
            base = {path: value for path, value in self.base.items() if path.rpartition(".")[0] != "trainer"}
            values |= {
                "base": base,
                "trainer": [content_of(trainer.entry), content_of_command(trainer.command), trainer.metrics],
            }
        if self.plugins:
            values["plugins"] = self.digests
        if entries := [
            *(cell["model.entry"] for cell in (self.base, arm) if "model.entry" in cell),
            *self._searched_entries(),
        ]:
            with at_home(self.home):
                values["own_code"] = [unstamped(load_entry(str(entry)).text)[1] for entry in entries if entry != "none"]
        if defaults := self._changed_defaults(arm):
            values["defaults"] = defaults
        out: dict[str, Json] = json.loads(json.dumps(values))
        return out

    def _searched_entries(self) -> Sequence[Value]:
        searched = self.space.get("model.entry")
        return searched.values() or () if searched else ()

    def differences(self, arm: Cell, stored: Mapping[str, Json]) -> list[str]:
        """The parts in which a stored search differs from this one."""
        ours = self.identity(arm)
        keys = [key for key, value in ours.items() if key != "defaults" and value != stored.get(key)]
        keys = ["version of its plug-ins" if key == "plugins" else key for key in keys]
        before, now = (given if isinstance(given := one.get("defaults"), dict) else {} for one in (stored, ours))
        return keys + [f"default of {path}" for path in {**before, **now} if before.get(path) != now.get(path)]

    def _changed_defaults(self, arm: Cell) -> dict[str, Json]:
        """Of the fields that are not given, the defaults that are no longer those of the first version."""
        defaults = flatten(RunConfig().model_dump(mode="json"))
        given = {*self.base, *arm, *self.space, "seed"}
        return {
            path: value for path, value in defaults.items() if path not in given and value != FROZEN.get(path, value)
        }


def _counts(value: object) -> bool:
    return type(value) is int and value >= 1


def arm_label(arm: Cell) -> str:
    """`model.shortcut=none`, or `all` where there is one arm."""
    return cell_label(arm) or "all"
