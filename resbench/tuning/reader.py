"""Read a search file: the parts it shares with a grid file are read as in one, and every mistake is named at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from resbench.core.cell import Value
from resbench.core.config import suggestion
from resbench.core.files import user_file
from resbench.core.own_code import at_home
from resbench.core.yaml_reader import opening_comment
from resbench.grid.agreement import check_claims
from resbench.grid.cells import check_cells, check_idle
from resbench.grid.expand import points
from resbench.grid.expectations import read_claims, read_family
from resbench.grid.labels import read_labels
from resbench.grid.own_files import check_probes, home_of, read_metrics, read_plugins, read_probes, read_trainer
from resbench.grid.source import UNREADABLE, Source
from resbench.grid.story import read_story
from resbench.records.claim import Claim
from resbench.tuning.keys import SEARCH_KEYS
from resbench.tuning.search import PRUNERS, SAMPLERS, Search
from resbench.tuning.space import read_space
from resbench.tuning.winners import TUNED, TUNING, UNTUNED

KEYS = tuple(key.name for key in SEARCH_KEYS)
# key or override -> attribute of `Search`, default, maximum
_COUNTS = {
    "trials": ("trials", 30, 100_000),
    "seeds.search": ("seeds", 1, 1000),
    "seeds.confirm": ("confirm", 5, 100_000),
}
# key -> allowed values, default
_NAMES = {"sampler": (SAMPLERS, "tpe"), "pruner": (PRUNERS, "hyperband")}
_MAX_CHECKED = 20_000  # combinations that are validated before anything runs
_MAX_MADE = 500  # where each is a network of the user's own, which has to be made
_MAX_OF_FIELD = 30  # values of one field, where there are more combinations


def load_search(file: str | Path, overrides: Sequence[str] = ()) -> Search:
    """Read and check a search file.

    Args:
        file: the YAML file.
        overrides: `path=value`; a list makes arms, a single value fixes a searched field. `name=`, `trials=`,
            `seeds.search=`, `seeds.confirm=`, `sampler=`, `pruner=` and `probes=` are allowed too.

    Raises:
        UserError: one line for every mistake.
    """
    source = Source(user_file(file), overrides)
    source.read_extra = partial(_refuse_tuning, source)
    text = source.parse()
    root = _root(source)
    plugins = read_plugins(source, root.get("plugins", []), source.document.line("plugins"))
    with at_home(home_of(source.file, plugins)):
        return _read_search(source, root, text, plugins)


def _read_search(source: Source, root: dict[str, Any], text: str, plugins: Sequence[str]) -> Search:
    metrics = read_metrics(source, root.get("metrics", {}))  # on which claims may be made
    search = _search(source, root)
    search.plugins, search.metrics = plugins, metrics
    search.base |= read_trainer(source, root.get("trainer"), search.base)
    _ = search.digests  # workers get it with the search
    search.about = opening_comment(text)
    searched = list(search.space)
    _override(source, search)
    _check_parts(source, search, searched)
    search.family = read_family(source, root.get("family", "claim"))
    search.labels = read_labels(source, root.get("labels", {}), (TUNING,))
    search.story = read_story(source, root.get("story"))
    search.claims = _claims(source, root.get("claims", []), search)
    source.raise_mistakes()
    _check_combinations(source, search)
    source.raise_mistakes()
    search.pin_trainer()
    return search


def _root(source: Source) -> dict[str, Any]:
    """The file as a mapping with known keys."""
    root = source.root("search", KEYS)
    if "search" not in root and not {"axes", "zip"}.isdisjoint(root):
        line = source.document.line("axes" if "axes" in root else "zip")
        text = f"this is a grid file, and there is nothing to search: `resbench run {source.file}` trains it"
        source.wrong(line, text)
        source.raise_mistakes()
    for key in root:
        source.key(key, KEYS)
    return root


def _search(source: Source, root: dict[str, Any]) -> Search:
    """The search without its claims, before the overrides."""
    line = source.document.line
    seeds = root.get("seeds", {})
    if not isinstance(seeds, dict) or not set(seeds) <= {"search", "confirm"}:
        source.wrong(line("seeds"), f"seeds: {seeds!r} should be {{search: 1, confirm: 5}}: two numbers of seeds")
        seeds = {}
    search = Search(
        name=source.name(root.get("name", Path(source.file).stem), line("name")),
        base=source.base(root.get("base", {}), "base"),
        arms=source.axes(root.get("arms", {}), "arms"),
        space=read_space(source, root.get("search", {})),
        probes=read_probes(source, root.get("probes", []), line("probes")),
        file=source.file,
        overrides=source.overrides,
    )
    counts = {"trials": root["trials"]} if "trials" in root else {}
    for path, value in {**counts, **{f"seeds.{key}": value for key, value in seeds.items()}}.items():
        setattr(search, _COUNTS[path][0], _count(source, path, value, line(path.partition(".")[0])))
    for key in _NAMES:
        if key in root:
            setattr(search, key, _name(source, key, root[key], line(key)))
    return search


def _count(source: Source, path: str, value: Any, line: int) -> int:
    _, default, maximum = _COUNTS[path]
    if type(value) is int and 1 <= value <= maximum:
        return value
    source.wrong(line, f"{path}: {value!r} should be from 1 to {maximum}")
    return default


def _name(source: Source, key: str, value: Any, line: int) -> str:
    allowed, default = _NAMES[key]
    if value in allowed:
        return str(value)
    source.wrong(line, f"{key}: {value!r} is not one of {', '.join(allowed)}{suggestion(value, allowed)}")
    return default


def _override(source: Source, search: Search) -> None:
    """Apply `path=value` of the command line."""
    for _, path, value in source.parsed_overrides():
        if path == "name":
            search.name = source.name(value, 0)
        elif path in _COUNTS:
            setattr(search, _COUNTS[path][0], _count(source, path, value, 0))
        elif path in _NAMES:
            setattr(search, path, _name(source, path, value, 0))
        elif path == "probes":
            search.probes = read_probes(source, value, 0)
        elif isinstance(value, list) or path in search.arms:
            values = source.axis_of_override(path, value)
            if values:
                search.arms[path] = values
                search.base.pop(path, None)
        else:  # a searched field is fixed by its override
            search.base[path] = source.value(path, value, 0)
            search.space.pop(path, None)
        source.lines[path] = 0


def _check_parts(source: Source, search: Search, searched: Sequence[str]) -> None:
    """What only the parts together can get wrong.

    Args:
        searched: every path that the file searches; overrides may have fixed some.
    """
    fixed = [text for text in source.overrides if text.partition("=")[0] in searched]
    if fixed and not search.space:
        source.wrong(0, f"{', '.join(fixed)}: nothing is left to search: leave one of them out")
    for path in search.arms:
        if path in search.base or path in search.space:
            source.wrong(source.lines.get(path, 1), f"{path}: stands in arms and in base or search: keep one")
    if search.sampler == "grid":
        _check_grid(source, search)


def _check_grid(source: Source, search: Search) -> None:
    """The sampler grid needs finitely many points, and a trial for each."""
    infinite = [path for path, searched in search.space.items() if searched.values() is None]
    for path in infinite:
        source.wrong(source.lines.get(path, 1), f"{path}: the sampler grid needs choices, or a range with a step")
    count = math.prod(len(searched.values() or []) for searched in search.space.values())
    if not infinite and count > search.trials:
        text = f"sampler: the grid has {count} points, more than {search.trials} trials: raise trials, or use random"
        source.wrong(source.document.line("sampler"), text)


def _claims(source: Source, claims: Any, search: Search) -> list[Claim]:
    """The claims, each of the arms as tuned, unless it says otherwise."""
    axes: dict[str, list[Value]] = {**search.arms, TUNING: [UNTUNED, TUNED]}
    source.read_extra = partial(_read_tuning, source)
    read = read_claims(source, claims, list(axes), probes=search.probes)
    if source.mistakes:
        return []
    for index, claim in enumerate(read):
        if claims[index].get("at") is None and TUNING in claim.at:
            read[index] = claim.model_copy(update={"at": {**claim.at, TUNING: [TUNED]}})
    narrowed = any(map(source.set_by_command_line, search.arms))
    check_claims(source, read, list(points(axes)), list(axes), narrowed=narrowed)
    return read


def _refuse_tuning(source: Source, path: str, value: Value, line: int) -> tuple[bool, Value]:
    """Outside claims there is no field `tuning`."""
    if path != TUNING:
        return False, value
    source.wrong(line, f"{TUNING}: is no field, and every arm is run {TUNED} and {UNTUNED} anyway: leave it out")
    return True, UNREADABLE


def _read_tuning(source: Source, path: str, value: Value, line: int) -> tuple[bool, Value]:
    """Claims may also compare what is no field: whether an arm is tuned."""
    if path != TUNING:
        return False, value
    if value not in (TUNED, UNTUNED):
        source.wrong(line, f"{TUNING}: {value!r} is not one of {TUNED}, {UNTUNED}")
    return True, value


def _check_combinations(source: Source, search: Search) -> None:
    """Build arms and searched values together, as a grid would be: what means nothing is a mistake."""
    check_cells(source, search.base, search.arms)  # the arms untuned
    combinations = _combinations(search)
    for axes in combinations:
        base = {path: value for path, value in search.base.items() if path not in axes}
        expansion = check_cells(source, base, {**search.arms, **axes})
        check_probes(source, search.probes, (config for _, config in expansion.cells))
        if len(combinations) == 1:  # all of them
            check_idle(source, expansion, [*search.arms, *axes])
    source.mistakes = _first_of_each_field(source.mistakes)
    if "trainer.entry" in search.base or "trainer.command" in search.base:
        _check_trainer(source, search)
        return
    follows = search.base.get("data.val_size", "auto") == "auto" and "data.val_size" not in search.arms
    if "data.train_size" in search.space and follows:
        text = "cannot be searched with data.val_size auto, which is a tenth of it: set data.val_size to a number"
        source.wrong(source.lines.get("data.train_size", 1), f"data.train_size: {text}")
    if not source.mistakes and any(search.config(arm).data.sizes[1] == 0 for arm in search.points()):
        text = "0 leaves no validation images, and the trials are judged by validation error"
        source.wrong(source.lines.get("data.val_size", 1), f"data.val_size: {text}")


def _check_trainer(source: Source, search: Search) -> None:
    """What a search needs where a user's own code trains: it is not known what arguments have where they are not given."""
    for path in search.space:
        if path.startswith("trainer.args.") and path not in {**search.base, **search.arms}:
            text = "the untuned arms need a value of it: give them one in base, or under args of trainer"
            source.wrong(source.lines.get(path, 1), f"{path}: {text}")


def _combinations(search: Search) -> list[dict[str, list[Value]]]:
    """Axes that together meet every combination of searched values; of too many, the pairs of fields, thinned out."""
    every = {path: searched.examples() for path, searched in search.space.items()}
    count = math.prod(len(values) for values in (*search.arms.values(), *every.values()))
    own = any(path.startswith("model.args.") for path in every)
    if count <= (_MAX_MADE if own else _MAX_CHECKED):
        return [every]
    pairs: list[tuple[str, ...]] = [*itertools.combinations(every, 2)] or [tuple(every)]
    some = {
        path: values if len(values) <= _MAX_OF_FIELD else [*values[:: len(values) // _MAX_OF_FIELD], values[-1]]
        for path, values in every.items()
    }
    return [{path: some[path] for path in pair} for pair in pairs]


def _first_of_each_field(mistakes: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """One line for each field: a range of whole numbers may hold many that mean nothing."""
    texts: dict[tuple[int, str], list[str]] = {}
    for line, text in dict.fromkeys(mistakes):
        shorter = text.replace("; `exclude` can drop such cells", "")
        texts.setdefault((line, text.partition(":")[0]), []).append(shorter)
    return [
        (line, first + (f", and {len(more)} more like this" if more else ""))
        for (line, _), (first, *more) in texts.items()
    ]
