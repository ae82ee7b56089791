"""The winners of a search as a grid file of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resbench.core.config import UserError, nest
from resbench.grid.grid import Cell
from resbench.records.claim import contrasts
from resbench.tuning.search import Search, label
from resbench.tuning.winners import TUNED, TUNING

_SIGNED = "# Written by resbench tune: "


def check_target(path: Path, search: Search) -> None:
    """See that the file can be written, before a search that may take a night.

    Raises:
        UserError: it cannot, or it is a file that somebody else wrote.
    """
    if path.is_dir():
        raise UserError(f"--export {path}: is a folder: name a file in it, such as {path / search.name}-winners.yaml")
    if not path.parent.is_dir():
        raise UserError(f"--export {path}: there is no folder {path.parent}: make it first, or name another file")
    if path.exists() and path.samefile(search.file):
        raise UserError(f"--export {path}: is the search file itself: name another file for the winners")
    try:
        there = path.read_text(encoding="utf-8") if path.exists() else _SIGNED
    except (OSError, UnicodeDecodeError):
        there = ""
    if _SIGNED not in there:
        raise UserError(f"--export {path}: is there already, and not from a search: name another file, or remove it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"--export {path}: may not be written: name another file")


def write_winners(path: Path, search: Search, winners: Mapping[str, Cell]) -> list[str]:
    """Write the grid file, if there are winners.

    Returns:
        That it is there, and what it lacks, in lines.
    """
    if not winners:
        return [f"{path}: not written: no arm has a winner"]
    path.write_text(export(search, winners), encoding="utf-8")
    lost = [claim["says"] for claim in search.claims if not _claim(claim, _arms(search, winners))]
    lacking = [
        f"{path}: without the claim {says!r}, which needs more than the tuned arms that are in it" for says in lost
    ]
    return [f"{path}: the winners, to be run with `resbench run {path}`", *lacking]


def _arms(search: Search, winners: Mapping[str, Cell]) -> list[Cell]:
    return [arm for arm in search.points() if label(arm) in winners]


def export(search: Search, winners: Mapping[str, Cell]) -> str:
    """A grid file of the winners: what each arm was tuned to, zipped, so that `resbench run` trains them."""
    arms = _arms(search, winners)
    paths = [*search.arms, *search.space]
    values = {path: [(arm | winners[label(arm)])[path] for arm in arms] for path in paths}
    base = {path: value for path, value in search.base.items() if path not in paths}
    seeds = list(range(search.seeds, search.seeds + search.confirm))
    lines = [f"# Question: how do the arms of {search.name} compare, each with the values that it was tuned to?"]
    lines.append(f"{_SIGNED}{search.budget} trials for each arm, {search.sampler}, {search.pruner}.")
    lines.append(f"name: {search.name[:56]}-winners")
    lines += [f"base: {_flow(nest(base))}"] if base else []
    lines += ["zip:", "-"]
    lines += [f"  {path}: {_flow(one)}" for path, one in values.items()]
    lines.append(f"seeds: {_flow(seeds)}")
    lines += [f"probes: {_flow(list(search.probes))}"] if search.probes else []
    claims = [told for claim in search.claims if (told := _claim(claim, arms))]
    lines += ["claims:", *(f"- {_flow(claim)}" for claim in claims)] if claims else []
    return "\n".join(lines) + "\n"


def _claim(claim: Mapping[str, Any], arms: list[Cell]) -> dict[str, Any] | None:
    """A claim about tuned arms as the exported grid can have it; None for one about tuning itself, or about absent arms."""
    at = dict(claim["at"])
    if TUNING in claim["compare"] or at.pop(TUNING, [TUNED]) != [TUNED]:
        return None
    # the paths of an arm are paired with the searched ones: a contrast cannot go over another of them
    return {**claim, "at": []} if not at and any(contrasts({**claim, "at": {}}, arms)) else None


def _flow(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    import yaml

    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
        .removesuffix("\n...\n")
        .strip()
    )
