"""What makes a run this run: the id of a configuration, and whether a record is of the run that its name says.

A value that is left out of the id stays the same for ever, whatever the default of its field becomes: a changed default
gives new plans new ids, so that no record is taken for a run with other settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from resbench.core.config import digest, flatten, nest
from resbench.core.json_reader import Json
from resbench.core.places import content_of, content_of_command, unstamped

SCHEMA = 1
# of every field the value that leaves no trace in an id: its default when it was introduced; never edited
_FIRST: dict[str, Json] = {
    "model.family": "seed",
    "model.depth": 34,
    "model.width": 16,
    "model.shortcut": "identity",
    "model.shortcut_scale": 0.5,
    "model.shortcut_dropout": 0.5,
    "model.gate_bias": -6.0,
    "model.projection_norm": True,
    "model.head": "gap",
    "model.downsample": "stride",
    "model.unit": "original",
    "model.convs_per_unit": 2,
    "model.norm": "batch",
    "model.conv_bias": "auto",
    "model.branch": "plain",
    "model.branch_scale": "auto",
    "model.init": "he",
    "model.dropout": 0.0,
    "model.dropout_at": "head",
    "model.drop_path": 0.0,
    "data.name": "mnist-5k",
    "data.augment": "none",
    "data.train_size": "all",
    "data.val_size": "auto",
    "data.order": "shuffle",
    "data.pixels": "standard",
    "recipe.epochs": 10,
    "recipe.batch_size": 128,
    "recipe.optimizer": "nesterov",
    "recipe.lr": 0.1,
    "recipe.schedule": "onecycle",
    "recipe.lr_decay": 5e-06,
    "recipe.warmup": 0.0,
    "recipe.momentum": 0.9,
    "recipe.weight_decay": 0.0005,
    "recipe.label_smoothing": 0.0,
    "recipe.grad_clip": "none",
    "recipe.loss": "mean",
    "recipe.select": "last",
    "recipe.precision": "auto",
    "seed": 0,
}
# the same of fields that came later: a record without them has these values
_LATER: dict[str, Json] = {
    "recipe.grow": "none",
    "own_code": [],
    "data.path": "none",
    "model.entry": "none",
    "model.args": "none",
    "trainer.entry": "none",
    "trainer.command": "none",
    "trainer.metrics": "stdout",
    "trainer.args": {},
}
FROZEN: dict[str, Json] = {**_FIRST, **_LATER}
# fields that name files and carry the stamp of their content, each with what an id has of one: the stamp; of one that names
# a function in a file its name too, and of a command line its other words
_PLACELESS: dict[str, Callable[[str], str]] = {
    "data.path": lambda text: unstamped(text)[1] or text,
    "model.entry": content_of,
    "trainer.entry": content_of,
    "trainer.command": content_of_command,
}
_NESTED = nest(FROZEN)
_SECTIONS = {section: set(names) for section, names in nest(_FIRST).items() if isinstance(names, dict)}
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_SEEDS = range(1000)  # that are tried to say why an id is another one


def canonical(config: Mapping[str, Json], neutral: Mapping[str, Json] = _NESTED) -> str:
    """Sorted JSON of what differs from the neutral values; both are nested. Where files lie leaves no trace."""
    out: dict[str, Json] = {}
    for key, value in _placeless(config).items():
        usual = neutral.get(key)
        if isinstance(usual, dict) and isinstance(value, dict):
            if rest := {name: inner for name, inner in value.items() if name not in usual or usual[name] != inner}:
                out[key] = rest
        elif key not in neutral or usual != value:
            out[key] = value
    return _ENCODER.encode(out)


def _placeless(config: Mapping[str, Json]) -> dict[str, Json]:
    """The same without where files lie in each text that names some."""
    out = dict(config)
    for path, content in _PLACELESS.items():
        section, name = path.split(".")
        values = out.get(section)
        text = values.get(name) if isinstance(values, dict) else None
        if isinstance(values, dict) and isinstance(text, str):
            out[section] = {**values, name: content(text)}
    return out


def id_of(text: str) -> str:
    """The id of canonical text: 16 hexadecimal digits."""
    return digest(f"{SCHEMA}:{text}")


def is_whole(config: Mapping[str, Json]) -> bool:
    """Whether a configuration has every field that all versions have, so that its id is known."""
    return "seed" in config and all(
        isinstance(section := config.get(name), dict) and (fields <= section.keys() or _is_own(name, section))
        for name, fields in _SECTIONS.items()
    )


def _is_own(name: str, section: Mapping[str, Json]) -> bool:
    """Whether this is a network of the user's own, to which the other fields do not apply."""
    return name == "model" and section.get("family") == "python" and "entry" in section


def check_identity(run_id: str, config: Mapping[str, Json]) -> None:
    """See that a whole configuration is of the run with this id.

    Raises:
        ValueError: it is of another one, and where it differs.
    """
    if not is_whole(config) or id_of(canonical(config)) == run_id:
        return
    flat = flatten(config)
    known = {path: value for path, value in flat.items() if path in FROZEN or path.rpartition(".")[0] in FROZEN}
    if id_of(canonical(nest(known))) == run_id:  # of a later version, whose new fields are at their neutral values
        return
    for path, value in _candidates(flat):
        if id_of(canonical(nest({**flat, path: value}))) == run_id:
            raise ValueError(f"whose {path} is {flat[path]}, while its id is that of the run with {path} {value}")
    raise ValueError(f"whose config is that of the run {id_of(canonical(config))}")


def _candidates(flat: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Single fields, each with what it may have been."""
    yield from ((path, FROZEN[path]) for path in flat if path in FROZEN)
    yield from (("seed", seed) for seed in _SEEDS)
