"""The parts of a grid, checked together: those of a file, and those of a grid that is built in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resbench.core.cell import Cell, Value, contains, label, matches
from resbench.core.config import suggestion
from resbench.core.own_code import at_home
from resbench.grid.agreement import check_claims, check_numbers
from resbench.grid.cells import check_cells, check_idle
from resbench.grid.expand import DEFAULTS, Exclusion, Expansion, points
from resbench.grid.expectations import read_claims, read_family, read_published, read_target
from resbench.grid.keys import GRID_KEYS
from resbench.grid.labels import read_labels
from resbench.grid.own_files import check_probes, home_of, read_metrics, read_plugins, read_probes, read_trainer
from resbench.grid.seeds import SeedPlan, check_looks, read_seeds
from resbench.grid.source import UNREADABLE, Source, readable
from resbench.grid.story import read_story
from resbench.grid.theory import check_laws, read_theory
from resbench.records.claim import Claim, Published, Target
from resbench.records.metrics import Metric
from resbench.records.study_file import Family, Looks, Story, Words
from resbench.records.theory import Prediction

KEYS = tuple(key.name for key in GRID_KEYS)
_MAX_RUNS = 2_000_000


@dataclass
class GridParts:
    """What a grid says, checked, and the cells that follow from it."""

    name: str = "invalid"
    base: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, list[Any]] = field(default_factory=dict)
    zips: list[dict[str, list[Any]]] = field(default_factory=list)
    exclude: list[Exclusion] = field(default_factory=list)
    plan: SeedPlan = field(default_factory=lambda: SeedPlan([0]))
    probes: tuple[str, ...] = ()
    baseline: Cell = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    theory: list[Prediction] = field(default_factory=list)
    target: Target | None = None
    claims: list[Claim] = field(default_factory=list)
    family: Family = "claim"
    labels: dict[str, Words] = field(default_factory=dict)
    story: Story | None = None
    plugins: tuple[str, ...] = ()
    metrics: list[Metric] = field(default_factory=list)
    expansion: Expansion = field(default_factory=Expansion)

    @property
    def paths(self) -> list[str]:
        """Dotted paths of all axes, crossed ones first."""
        return [*self.axes, *(path for group in self.zips for path in group)]

    @property
    def seeds(self) -> list[int]:
        return self.plan.seeds

    @property
    def looks(self) -> Looks | None:
        return self.plan.looks


def read_parts(source: Source, root: Mapping[str, Any], default_name: str = "") -> GridParts:
    """Load the plug-ins of a grid, then read and check everything that it says.

    Args:
        source: of the values: it gets the mistakes, and has the overrides.
        root: key -> value, as a grid file has them; all keys are known.
        default_name: of a grid that has none.

    Raises:
        UserError: one line for every mistake.
    """
    plugins = read_plugins(source, root.get("plugins", []), source.document.line("plugins"))
    with at_home(home_of(source.file, plugins)):
        parts = _read_parts(source, root, default_name)
    parts.plugins = plugins
    return parts


def _read_parts(source: Source, root: Mapping[str, Any], default_name: str) -> GridParts:
    metrics = read_metrics(source, root.get("metrics", {}))  # on which claims may be made
    parts = _plan(source, root, default_name)
    parts.metrics = metrics
    parts.base |= read_trainer(source, root.get("trainer"), parts.base)
    _override(source, parts)
    _check_places(source, parts)
    parts.baseline = source.values(root.get("baseline", {}), "baseline")
    parts.published = read_published(source, root.get("published", []))
    parts.theory = read_theory(source, root.get("theory", []), parts.probes)
    parts.target = read_target(source, root.get("target"), parts.seeds, parts.looks is not None)
    parts.family = read_family(source, root.get("family", "claim"))
    parts.labels = read_labels(source, root.get("labels", {}))
    parts.story = read_story(source, root.get("story"))
    parts.claims = read_claims(source, root.get("claims", []), parts.paths, parts.zips, parts.probes)
    check_looks(source, parts.looks, parts.claims, bool(root.get("claims")))
    if source.shape_in_doubt:  # then its cells are too
        source.raise_mistakes()
    # go on with the values that can be read, to find the mistakes in their combinations too
    parts.base = {path: value for path, value in parts.base.items() if value is not UNREADABLE}
    parts.axes = readable(parts.axes)
    parts.zips = [group for group in parts.zips if not any(UNREADABLE in values for values in group.values())]
    parts.expansion = check_cells(source, parts.base, parts.axes, parts.zips, parts.exclude)
    source.raise_mistakes()
    check_probes(source, parts.probes, (config for _, config in parts.expansion.cells))
    check_idle(source, parts.expansion, parts.paths)
    _check_runs(source, parts)
    _check_exclusions(source, parts)
    _check_baseline(source, parts)
    if parts.expansion.cells:
        cells, excluded = ([cell for cell, _ in pairs] for pairs in (parts.expansion.cells, parts.expansion.excluded))
        narrowed = _narrowed(source, parts)
        check_numbers(source, "published", parts.published, cells, narrowed)
        check_numbers(source, "theory", parts.theory, cells, narrowed)
        check_laws(source, parts.theory, cells, narrowed)
        check_claims(source, parts.claims, cells, parts.paths, excluded, narrowed)
    source.raise_mistakes()
    return parts


def _plan(source: Source, root: Mapping[str, Any], default_name: str) -> GridParts:
    """The parts that decide which runs there are."""
    line = source.document.line
    return GridParts(
        name=source.name(root.get("name", default_name), line("name")),
        base=source.base(root.get("base", {}), "base"),
        axes=source.axes(root.get("axes", {}), "axes"),
        zips=_zips(source, root.get("zip", [])),
        exclude=_exclusions(source, root.get("exclude", [])),
        plan=read_seeds(source, root.get("seeds", 1), line("seeds")),
        probes=read_probes(source, root.get("probes", []), line("probes")),
    )


def _zips(source: Source, groups: Any) -> list[dict[str, list[Any]]]:
    if not isinstance(groups, list):
        text = f"zip: {groups!r} should be a list of mappings of fields to lists of one length"
        source.wrong(source.document.line("zip"), text)
        return []
    out = []
    for index, group in enumerate(groups):
        axes = source.axes(group, "zip", index, repeats=True)
        lengths = {path: len(values) for path, values in axes.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{path} has {length}" for path, length in lengths.items())
            line = source.document.line("zip", index)
            source.wrong(line, f"zip: paired axes need lists of one length, but {counts}")
        elif axes:
            pairs = [list(pair) for pair in zip(*axes.values(), strict=True)]
            for pair in [pair for place, pair in enumerate(pairs) if pair in pairs[:place]][:1]:
                text = label(dict(zip(axes, pair, strict=True)))
                source.wrong(source.document.line("zip", index), f"zip: {text} is listed twice: remove one")
            out.append(axes)
    return out


def _exclusions(source: Source, rules: Any) -> list[Exclusion]:
    if not isinstance(rules, list):
        line = source.document.line("exclude")
        source.wrong(line, f"exclude: {rules!r} should be a list of {{if: ..., because: ...}}")
        return []
    out = []
    for index, rule in enumerate(rules):
        line = source.document.line("exclude", index)
        if not isinstance(rule, dict) or set(rule) != {"if", "because"}:
            form = "{if: {model.depth: 58}, because: a reason}"
            alone = isinstance(rule, dict) and rule and {"if", "because"}.isdisjoint(rule)
            hint = ": this is the condition alone" if alone else ""
            source.wrong(line, f"exclude: each rule has exactly the keys if and because, as in {form}{hint}")
            continue
        if not isinstance(rule["because"], str) or not rule["because"].strip():
            source.wrong(line, f"exclude: because: {rule['because']!r} should be the reason, in words")
            continue
        when = source.value_lists(rule["if"], "exclude", index, "if")
        if when:
            out.append(Exclusion(when, rule["because"]))
        elif not rule["if"]:
            source.wrong(line, "exclude: if: is empty and would leave out everything")
    return out


def _override(source: Source, parts: GridParts) -> None:
    """Apply `path=value` of the command line."""
    for _, path, value in source.parsed_overrides():
        if path == "name":
            parts.name = source.name(value, 0)
        elif path == "seeds":
            parts.plan = read_seeds(source, value, 0)
        elif path == "probes":
            parts.probes = read_probes(source, value, 0)
        elif any(path in group for group in parts.zips):
            source.wrong(0, f"{path}: is paired under zip in {source.file}: change it there")
        elif isinstance(value, list) or path in parts.axes:
            values = source.axis_of_override(path, value)
            if values:
                parts.axes[path] = values
                parts.base.pop(path, None)
        else:
            parts.base[path] = source.value(path, value, 0)
        source.lines[path] = 0


def _check_places(source: Source, parts: GridParts) -> None:
    places = [*parts.base, *parts.paths]
    for path in dict.fromkeys(path for path in places if places.count(path) > 1):
        line = source.lines.get(path, 1)
        source.wrong(line, f"{path}: stands in more than one of base, axes and zip: keep one")


def _check_runs(source: Source, parts: GridParts) -> None:
    """There must be runs, and not too many."""
    cells, seeds = len(parts.expansion.cells), len(parts.seeds)
    if cells * seeds > _MAX_RUNS:
        text = f"seeds: {seeds:,} of each of {cells:,} cells are {cells * seeds:,} runs"
        source.wrong(source.document.line("seeds"), f"{text}, more than {_MAX_RUNS:,}: split the grid")
        source.raise_mistakes()
    if not cells:
        source.wrong(source.document.line("exclude"), "exclude: leaves no cell to run")


def _narrowed(source: Source, parts: GridParts) -> bool:
    """Whether the command line may have taken cells away, by an axis or by a field that decides what is excluded."""
    return any(map(source.set_by_command_line, [*parts.paths, *(path for rule in parts.exclude for path in rule.when)]))


def _check_exclusions(source: Source, parts: GridParts) -> None:
    """Each rule must match a cell, and each of its values must be one of a cell; fields may be set by the command line."""
    for index, rule in enumerate(parts.exclude):
        line = source.document.line("exclude", index)
        cells = {**DEFAULTS, **parts.base}
        unmet = [
            (path, value, present)
            for path, values in rule.when.items()
            if not source.set_by_command_line(path)
            for present in [_values_of(parts, path) or [cells.get(path, "none")]]
            for value in values
            if not contains(present, value)
        ]
        for path, value, present in unmet:
            text = f"{path} is never {value} in this grid: it is {', '.join(map(str, present))}"
            source.wrong(line, f"exclude: if: {text}")
        if unmet or _narrowed(source, parts):
            continue
        if not any(rule.matches(cells | cell) for cell in points(parts.axes, parts.zips)):
            source.wrong(line, "exclude: if: no cell matches this rule: leave it out")


def _values_of(parts: GridParts, path: str) -> list[Value]:
    """The values of an axis, crossed or paired; none if it is no axis."""
    values = next((group[path] for group in [parts.axes, *parts.zips] if path in group), [])
    return list({repr(value): value for value in values}.values())


def _check_baseline(source: Source, parts: GridParts) -> None:
    """The baseline must point at cells of the grid."""
    line, known = source.document.line("baseline"), dict[str, Value]()
    for path, value in parts.baseline.items():
        if path not in parts.paths:
            source.wrong(line, f"baseline: {path} is not an axis of this grid{suggestion(path, parts.paths)}")
            continue
        # where an override took the baseline out, that is what the user wants
        if source.set_by_command_line(path) or contains(_values_of(parts, path), value):
            known[path] = value
        else:
            source.wrong(line, f"baseline: no cell has {path}={value}")
    cells = [cell for cell, _ in parts.expansion.cells]
    whole = len(known) == len(parts.baseline) and bool(cells)
    if whole and not _narrowed(source, parts) and not any(matches(cell, known) for cell in cells):
        source.wrong(line, f"baseline: no cell has {' and '.join(f'{path}={value}' for path, value in known.items())}")
