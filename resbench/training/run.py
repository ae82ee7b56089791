"""A run: model + data + recipe + seed, fully resolved, and its identity."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from resbench.core.combinations import combinations_count
from resbench.core.config import (
    Alike,
    Config,
    OnlyIfSet,
    SparseConfig,
    explain,
    flatten,
    nest,
    refuse,
    suggestion,
)
from resbench.core.entry import load_entry
from resbench.core.errors import UserError
from resbench.core.own_code import ChangedCode, at_home, is_open, open_home
from resbench.core.places import Home, current_home, relative_to, start_at, unstamped
from resbench.core.tables import own_values
from resbench.data.loading import DataConfig
from resbench.model import ModelConfig, Size, measure, offers_units
from resbench.records.identity import FROZEN, canonical, id_of
from resbench.training.command_line import placeholders
from resbench.training.recipe import RecipeConfig
from resbench.training.trainer import TrainerConfig


class RunConfig(SparseConfig):
    """Everything that determines the result of a run.

    `own_code` follows from the rest: the digests of the plug-ins whose values it has.

    Example:
        >>> run = resbench.RunConfig(model=resbench.ModelConfig(depth=10), seed=1)
        >>> run.id == run.with_seed(0).id
        False
    """

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    recipe: RecipeConfig = RecipeConfig()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    own_code: Annotated[list[str], OnlyIfSet()] = Field(default_factory=list)
    trainer: Annotated[TrainerConfig, OnlyIfSet()] = TrainerConfig()
    _home: Home | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _with_its_trainer(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """What a network or a recipe of ours could not be, may mean something to the user's own training code."""
        trainer = values.get("trainer") if isinstance(values, dict) else None
        with combinations_count(not trainer):
            return handler(values)

    @model_validator(mode="after")
    def _knows_its_code(self) -> Self:
        self._home = current_home()
        for path, value, origin in own_values(self):
            if self._home and not is_open(origin.source, self._home):
                raise refuse(path, f"{value!r} is a value of {origin.source}: add this file to plugins")
        if not self.own_code:
            self.__dict__["own_code"] = _digests(self)  # it is still being made
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.trainer.given:
            self._check_placeholders()
            return self
        train, val = self.data.sizes
        total = self.data.dataset.train
        if train < 10 or train + val > total:
            raise refuse(
                ["data.train_size", "data.val_size"],
                f"{train} training and {val} validation images do not fit: {self.data.name} has {total} for both",
            )
        if self.recipe.select == "best_val" and val == 0:
            raise refuse(["recipe.select", "data.val_size"], "best_val needs validation images, and data.val_size is 0")
        if self.recipe.grow != "none":
            self._check_growth(self.recipe.grow)
        if self.model.is_own:
            self._check_network()
        return self

    def _check_placeholders(self) -> None:
        values = self.trainer_values
        for name in placeholders(self.trainer.command):
            if name not in values:
                hint = (
                    suggestion(name, values) or "; a name of your own is written {trainer.args.NAME}, and set as such"
                )
                raise refuse("trainer.command", f"{{{name}}} is not a field{hint}")

    @property
    def trainer_values(self) -> dict[str, Any]:
        """What a command of the user's may be given, by dotted path; its device is known when it begins."""
        sections = {"model": self.model, "data": self.data, "recipe": self.recipe}
        values = flatten({name: section.model_dump() for name, section in sections.items()})
        return values | flatten({"trainer": {"args": self.trainer.args}, "seed": self.seed, "device": "cpu"})

    def _check_network(self) -> None:
        """Make the network of the user's own, and let it see an image of this data."""
        try:
            _ = self.network_size
        except UserError as error:
            raise refuse(
                [*(f"model.args.{name}" for name in self.model.arguments), "model.entry"], error.lines[0]
            ) from None

    def _check_growth(self, depths: list[int]) -> None:
        if self.model.is_own:
            raise refuse(["recipe.grow", "model.family"], f"{depths} cannot be grown: {self.model.identity_barred()}")
        if depths[-1] != self.model.depth:
            raise refuse(
                ["recipe.grow", "model.depth"],
                f"{depths} does not end at model.depth, which is {self.model.depth}",
            )
        for depth in depths:
            try:
                ModelConfig.model_validate(self.model.model_dump() | {"depth": depth})
            except ValidationError as error:
                raise refuse(["recipe.grow", "model.depth"], explain(error)[0][1]) from None
        barred = self.model.identity_barred()
        if barred:
            raise refuse(["recipe.grow", "model.shortcut", "model.unit"], f"{depths} cannot be grown: {barred}")

    def normalised(self) -> Self:
        """The same with every field that has no effect at its neutral value.

        Two runs of a grid with the same normalised configuration are the same training.
        """
        if self.trainer.given:  # what has no effect there, is not known here
            return self
        out = self.neutralised(neutral_values())
        digests = _digests(out)  # a value of a plug-in may have had no effect
        return out if digests == out.own_code else out.model_copy(update={"own_code": digests})

    def simplest(self) -> Self:
        return self if self.trainer.given else super().simplest()

    def all_alike(self, prefix: str = "") -> dict[str, Alike]:
        return {} if self.trainer.given else super().all_alike(prefix)

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits of the normalised content; never of a name, path, machine or worker count."""
        return self.ids([self.seed])[0]

    def ids(self, seeds: Iterable[int]) -> list[str]:
        """Ids of the same run with these seeds; grids of many seeds need them by the hundred thousand."""
        config, neutral = self.model_dump(mode="json", exclude={"seed"}), nest(neutral_values())
        # sections in the order of canonical text, where the seed has its place; 0 leaves no trace
        before, after = (
            canonical({name: config[name] for name in config if (name > "seed") is late}, neutral)[1:-1]
            for late in (False, True)
        )
        parts = ((before, f'"seed":{seed}' if seed else "", after) for seed in seeds)
        return [id_of(f"{{{','.join(filter(None, each))}}}") for each in parts]

    def with_seed(self, seed: int) -> RunConfig:
        """The same run with another seed."""
        return self._like(self.model, seed)

    def with_model(self, model: ModelConfig) -> RunConfig:
        """The same run of another network."""
        return self._like(model, self.seed)

    def _like(self, model: ModelConfig, seed: int) -> RunConfig:
        out = RunConfig.model_construct(
            model=model,
            data=self.data,
            recipe=self.recipe,
            seed=seed,
            own_code=self.own_code,
            trainer=self.trainer,
        )
        out._home = self._home
        return out

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """In another process: load the user's own files that it needs; what cannot be loaded, `check_own_code` names."""
        super().__setstate__(state)
        if self._home:
            start_at(self._home)
            with contextlib.suppress(UserError):
                open_home(self._home)
                self._load_entry()

    def _load_entry(self) -> None:
        if self.model.is_own:
            load_entry(self.model.entry)

    def at_home(self) -> contextlib.AbstractContextManager[None]:
        """Meanwhile the plug-ins are loaded that it may need, and paths start at the folder of its grid file.

        Raises:
            UserError: a plug-in cannot be loaded.
        """
        return at_home(self._home)

    @property
    def computes_own_code(self) -> bool:
        """Whether code of the user's own computes in the network or its recipe: an own network, or values of plug-ins."""
        return self.model.is_own or bool(self.own_code)

    def check_own_code(self) -> None:
        """See that the user's own files are what they were when the run was planned.

        Raises:
            ChangedCode: one cannot be loaded, or has changed.
        """
        with relative_to(self._home) if self._home else contextlib.nullcontext():
            self.trainer.check()
        if not self.computes_own_code:
            return
        again = "since the run was planned; `resbench run` plans it again"
        try:
            open_home(self._home)
            self._load_entry()
        except ChangedCode:
            raise
        except UserError as error:
            raise ChangedCode(f"{error.lines[0]}: it was there when the run was planned") from None
        if self.own_code != _digests(self):
            files = dict.fromkeys(each.origin.source for each in own_values(self))
            raise ChangedCode(f"{' or '.join(files) or 'a plug-in'}: has changed {again}")

    @property
    def home(self) -> Home | None:
        """Where the files are that the grid of this run names; None outside of one."""
        return self._home

    @property
    def network_size(self) -> Size:
        """Parameters, FLOPs and activations of the network on this data."""
        dataset = self.data.dataset
        return measure(self.model, dataset.channels, dataset.size, dataset.classes)

    @property
    def offers_units(self) -> bool:
        """Whether probes can look at the residual units of the network."""
        dataset = self.data.dataset
        return offers_units(self.model, dataset.channels, dataset.size, dataset.classes)

    @property
    def without_units(self) -> str:
        """What a network of the user's own lacks, if it offers no units, as a clause."""
        entry = unstamped(self.model.entry)[0]
        return f"{entry} returns one without .units, an nn.Sequential of residual units"

    def stream(self, purpose: str, epoch: int = 0) -> int:
        """Seed of a named random stream: a 63-bit hash of (seed, purpose, epoch), the same on every machine."""
        key = f"{self.seed}:{purpose}:{epoch}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


@functools.cache
def neutral_values() -> dict[str, Any]:
    """Dotted path -> the value that leaves no trace in an id; of a field that is not frozen yet, its default."""
    return flatten(RunConfig().model_dump(mode="json")) | FROZEN


def _digests(config: Config) -> list[str]:
    """Of the plug-ins that values of a configuration come from, in its sections too."""
    return sorted({each.origin.digest for each in own_values(config)})
