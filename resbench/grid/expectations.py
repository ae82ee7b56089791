"""What a grid file expects of its answers: claims, published numbers to set against ours, and a target to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from resbench.core.cell import Cell, Value, label
from resbench.core.config import suggestion
from resbench.grid.seeds import MAX_SEED, MOST_SEEDS, wrong_list
from resbench.grid.source import Source
from resbench.records.claim import AGAINST_MARGIN, EXPECTATIONS, Claim, Published, Target, default_margin
from resbench.records.metrics import METRICS
from resbench.records.study_file import Family
from resbench.report.planning import MIN_SEEDS

_REQUIRED = {"says", "compare", "to", "expect"}
At = dict[str, list[Value] | None]


def read_claims(
    source: Source,
    claims: Any,
    axes: Sequence[str],
    zips: Sequence[Mapping[str, Sequence[Value]]] = (),
    probes: Sequence[str] = (),
) -> list[Claim]:
    """The claims of a file; every mistake goes to the source.

    Args:
        axes: dotted paths of the grid's axes.
        zips: groups of them that advance together.
        probes: what is measured.
    """
    if not isinstance(claims, list):
        source.wrong(source.document.line("claims"), f"claims: {claims!r} should be a list of mappings")
        return []
    read = (_claim(source, claim, index, axes, zips, probes) for index, claim in enumerate(claims))
    return [claim for claim in read if claim]


def _claim(
    source: Source,
    claim: Any,
    index: int,
    axes: Sequence[str],
    zips: Sequence[Mapping[str, Sequence[Value]]],
    probes: Sequence[str],
) -> Claim | None:
    line = source.document.line("claims", index)
    if not isinstance(claim, dict) or not _REQUIRED <= set(claim) <= set(Claim.model_fields):
        optional = [key for key in Claim.model_fields if key not in _REQUIRED]
        keys = f"each has the keys {', '.join(sorted(_REQUIRED))}, and may have {', '.join(optional)}"
        missing = sorted(_REQUIRED - set(claim)) if isinstance(claim, dict) else []
        lacks = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: " if missing else ""
        source.wrong(line, f"claims: {lacks}{keys}")
        return None
    before = len(source.mistakes)
    for key in ("says", "source"):
        if key in claim and (not isinstance(claim[key], str) or not claim[key].strip()):
            source.wrong(line, f"claims: {key}: {claim[key]!r} should be a sentence")
    _check_metric(source, claim, line, probes)
    compare, to = (source.values(claim[side], "claims", index, side) for side in ("compare", "to"))
    _check_sides(source, compare, to, line, axes)
    between = _between(source, claim.get("between"), index, axes, compare)
    at = _at(source, claim.get("at"), index, axes, zips, compare, between)
    if len(source.mistakes) > before:
        return None
    on = claim.get("on", "test_error")
    given: dict[str, Any] = {"between": between} if between else {}
    given |= {"source": claim["source"]} if "source" in claim else {}
    return Claim(
        says=claim["says"].strip(),
        compare=compare,
        to=to,
        at=at,
        on=on,
        expect=claim["expect"],
        margin=claim.get("margin", default_margin(on)),
        **given,
    )


def _check_metric(source: Source, claim: Mapping[str, Any], line: int, probes: Sequence[str]) -> None:
    """`on`, `expect` and `margin`, which decide together what is tested."""
    on, expect = claim.get("on", "test_error"), claim["expect"]
    for key, value, allowed in (("on", on, list(METRICS)), ("expect", expect, list(EXPECTATIONS))):
        if value not in allowed:
            hint = suggestion(value, allowed)
            source.wrong(line, f"claims: {key}: {value!r} is not one of {', '.join(allowed)}{hint}")
    metric = METRICS.get(on) if isinstance(on, str) else None
    if metric and metric.probe and metric.probe not in probes and not source.set_by_command_line("probes"):
        source.wrong(line, f"claims: on: {on} is measured by the probe {metric.probe}: add it to probes")
    margin = claim.get("margin", default_margin(on))
    if type(margin) not in (int, float) or not 0 <= margin < 1e12:
        unit = "percentage points" if metric and metric.proportion else f"the unit of {on}"
        source.wrong(
            line, f"claims: margin: {margin!r} should be the smallest difference that matters: a number, in {unit}"
        )
    elif expect in AGAINST_MARGIN and margin == 0:
        source.wrong(line, f"claims: margin: {expect} needs a margin above 0, the smallest difference that matters")


def _check_sides(source: Source, compare: Cell, to: Cell, line: int, axes: Sequence[str]) -> None:
    if set(compare) != set(to) or not compare:
        source.wrong(line, "claims: compare and to should have values of the same axes, of one axis or more")
    elif compare == to:
        source.wrong(line, "claims: compare and to are the same cells")
    for path in dict.fromkeys([*compare, *to]):
        if path not in axes and not source.set_by_command_line(path):
            source.wrong(line, f"claims: {path} is not an axis of this grid")


def _between(source: Source, between: Any, index: int, axes: Sequence[str], compare: Cell) -> dict[str, list[Value]]:
    """Axis -> the values at which the differences are set against each other; the last is subtracted."""
    line = source.document.line("claims", index, "between")
    if between is None:
        return {}
    if not isinstance(between, dict) or not between:
        form = "a mapping of axes to two values each, such as {model.depth: [100, 34]}"
        source.wrong(line, f"claims: between: {between!r} should be {form}")
        return {}
    out = {path: values or [] for path, values in source.limits(between, "claims", index, "between").items()}
    for path, values in out.items():
        if path in compare:
            source.wrong(line, f"claims: between: {path} is what is compared: leave it out")
        elif path not in axes and not source.set_by_command_line(path):
            source.wrong(line, f"claims: between: {path} is not an axis of this grid{suggestion(path, axes)}")
        if len(values) < 2:
            form = "should be two values: the difference at the first less that at the last is judged"
            source.wrong(line, f"claims: between: {path}: {between.get(path, values)!r} {form}")
    points = list(zip(*out.values(), strict=False))
    if len({len(values) for values in out.values()}) > 1:
        counts = ", ".join(f"{path} has {len(values)}" for path, values in out.items())
        source.wrong(line, f"claims: between: its axes need lists of one length, but {counts}")
    elif doubles := [point for place, point in enumerate(points) if point in points[:place]]:
        text = label(dict(zip(out, doubles[0], strict=True)))
        source.wrong(line, f"claims: between: {text} is listed twice: remove one")
    return {path: values for path, values in out.items() if path in axes}


def _at(
    source: Source,
    at: Any,
    index: int,
    axes: Sequence[str],
    zips: Sequence[Mapping[str, Sequence[Value]]],
    compare: Cell,
    between: Mapping[str, Sequence[Value]],
) -> At:
    """Axis -> the values that count, None for all; by default every axis that is not paired with a compared one."""
    line = source.document.line("claims", index, "at")
    named = {**compare, **between}
    if at is None:
        paired = [path for group in zips if not set(group).isdisjoint(named) for path in group]
        return {path: None for path in axes if path not in named and path not in paired}
    if isinstance(at, list) and all(isinstance(path, str) for path in at):
        out: At = dict.fromkeys(at)
        for path in out:
            if at.count(path) > 1:
                source.wrong(line, f"claims: at: {path} is listed twice: remove one")
    elif isinstance(at, dict):
        out = source.limits(at, "claims", index, "at", optional=True)
    else:
        source.wrong(line, f"claims: at: {at!r} should be a list of axes, or a mapping of axes to values")
        return {}
    added = [path for path in axes if source.set_by_command_line(path)]  # axes that the file does not know
    out |= {path: None for path in added if path not in named and path not in out}
    for path in out:
        if path in named:
            what = "is what is compared" if path in compare else "stands in between"
            source.wrong(line, f"claims: at: {path} {what}: leave it out")
        elif path not in axes and not source.set_by_command_line(path):
            source.wrong(line, f"claims: at: {path} is not an axis of this grid{suggestion(path, axes)}")
    return {path: values for path, values in out.items() if path in axes}


def read_family(source: Source, family: Any) -> Family:
    """What is judged together at one level; a mistake goes to the source."""
    for allowed in get_args(Family):
        if family == allowed:
            return "study" if allowed == "study" else "claim"
    text = f"{family!r} is not one of {', '.join(get_args(Family))}{suggestion(family, get_args(Family))}"
    source.wrong(source.document.line("family"), f"family: {text}")
    return "claim"


def read_published(source: Source, rows: Any) -> list[Published]:
    """Published numbers; every mistake goes to the source."""
    if not isinstance(rows, list):
        line = source.document.line("published")
        source.wrong(line, f"published: {rows!r} should be a list of {{source, on, at, value}}")
        return []
    read = (_published(source, row, index) for index, row in enumerate(rows))
    return [row for row in read if row]


def _published(source: Source, row: Any, index: int) -> Published | None:
    line, before = source.document.line("published", index), len(source.mistakes)
    required = {name for name, field in Published.model_fields.items() if field.is_required()}
    if not isinstance(row, dict) or not required <= set(row) <= set(Published.model_fields):
        text = "each row has the keys source, on, at and value, and may have runs and differs"
        source.wrong(line, f"published: {text}")
        return None
    on, value, runs = row["on"], row["value"], row.get("runs", 1)
    metric = METRICS.get(on) if isinstance(on, str) else None
    if metric is None:
        source.wrong(line, f"published: on: {on!r} is not one of {', '.join(METRICS)}{suggestion(on, METRICS)}")
    for key in ("source", "differs"):
        if not isinstance(row.get(key, ""), str):
            source.wrong(line, f"published: {key}: {row[key]!r} should be text")
    if type(runs) is not int or not 1 <= runs <= 1_000_000:
        source.wrong(line, f"published: runs: {runs!r} should be the number of runs that the value is the mean of")
    if type(value) not in (int, float) or not abs(value) < 1e300:
        source.wrong(line, f"published: value: {value!r} should be a number (accuracies and errors as fractions)")
    elif metric and metric.proportion and not 0 <= value <= 1:
        source.wrong(line, f"published: value: {value} is not a fraction between 0 and 1")
    at = source.values(row["at"], "published", index, "at")
    return None if len(source.mistakes) > before else Published(**{**row, "at": at})


def read_target(source: Source, target: Any, seeds: Sequence[int], looks: bool = False) -> Target | None:
    """The accuracy whose cheapest cell the page looks for; every mistake goes to the source.

    Args:
        seeds: of the grid.
        looks: whether results decide which of them are run.
    """
    line, before = source.document.line("target"), len(source.mistakes)
    if target is None:
        return None
    keys = list(Target.model_fields)
    unknown = next((key for key in target if key not in keys), "") if isinstance(target, dict) else ""
    if not isinstance(target, dict) or unknown or "test_accuracy" not in target:
        hint = f": {unknown!r} is unknown{suggestion(unknown, keys)}" if unknown else ""
        source.wrong(
            line, f"target: it has the key test_accuracy, and may have training_flops, source and confirm{hint}"
        )
        return None
    accuracy, flops, origin = target["test_accuracy"], target.get("training_flops", 1), target.get("source", "")
    if type(accuracy) not in (int, float) or not 0 <= accuracy <= 1:
        source.wrong(line, f"target: test_accuracy: {accuracy!r} is not a fraction between 0 and 1, such as 0.9949")
    if type(flops) not in (int, float) or not 0 < flops < 1e300:
        source.wrong(line, f"target: training_flops: {flops!r} should be the FLOPs of the published training, above 0")
    if not isinstance(origin, str):
        source.wrong(line, f"target: source: {origin!r} should be text")
    if looks and target.get("confirm") is None:
        text = "with looks, results decide how many seeds a cell has: let fresh seeds judge it, as in confirm: 8"
        source.wrong(line, f"target: {text}")
    if text := _confirm_mistake(target.get("confirm"), seeds):
        source.wrong(source.document.line("target", "confirm"), f"target: confirm: {text}")
    return None if len(source.mistakes) > before else Target(**target)


def _confirm_mistake(confirm: Any, seeds: Sequence[int]) -> str:
    """What is wrong with the seeds that are to confirm a cell, or nothing."""
    if confirm is None:
        return ""
    if not isinstance(confirm, list):
        last = MAX_SEED - max(seeds)
        if type(confirm) is int and MIN_SEEDS <= confirm <= min(last, MOST_SEEDS):
            return ""
        return (
            f"{confirm!r} should be a number of fresh seeds, from {MIN_SEEDS} (no verdict takes fewer) to "
            f"{min(last, MOST_SEEDS)}, or a list of them"
        )
    if text := wrong_list(confirm):
        return text
    if len(confirm) < MIN_SEEDS:
        return f"{confirm} {'is one seed' if len(confirm) == 1 else f'are {len(confirm)} seeds'}: no verdict takes fewer than {MIN_SEEDS}"
    if shared := sorted(set(confirm) & set(seeds)):
        return f"the grid has seed {shared[0]} too, and its seeds choose the cell: list others, or give their number"
    return ""
