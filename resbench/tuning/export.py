"""The winners of a search as a grid file of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from resbench.core.cell import Cell
from resbench.core.config import nest
from resbench.core.errors import UserError
from resbench.core.places import plain_of
from resbench.grid.entries import metrics_entry
from resbench.records.claim import Claim
from resbench.tuning.search import Search, arm_label
from resbench.tuning.winners import TUNED, TUNING, Winners

_SIGNATURE = "# Written by resbench tune: "
_MAX_NAME = 56  # characters, which leave room for `-winners`


def check_target(path: Path, search: Search) -> None:
    """See that the file can be written, before a search that may take a night.

    Raises:
        UserError: it cannot, or it is a file that somebody else wrote.
    """
    if path.is_dir():
        raise UserError(f"--export {path}: is a folder: name a file in it, such as {path / search.name}-winners.yaml")
    if not path.parent.is_dir():
        raise UserError(f"--export {path}: there is no folder {path.parent}: make it first, or name another file")
    own = {"trainer.entry", "trainer.command"} & search.base.keys()
    if own and path.parent.resolve() != search.home.folder.resolve():
        raise UserError(f"--export {path}: paths of the search start at {search.home.folder}: name a file there")
    if path.exists() and search.file and path.samefile(search.file):
        raise UserError(f"--export {path}: is the search file itself: name another file for the winners")
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else _SIGNATURE
    except (OSError, UnicodeDecodeError):
        text = ""
    if _SIGNATURE not in text:
        raise UserError(f"--export {path}: exists already, and is not from a search: name another file, or remove it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"--export {path}: may not be written: name another file")


def write_winners(path: Path, search: Search, winners: Winners) -> list[str]:
    """Write the grid file, if there are winners.

    Returns:
        That it is written, and what it lacks, in lines.
    """
    if not winners:
        return [f"{path}: not written: no arm has a winner"]
    path.write_text(export(search, winners), encoding="utf-8")
    arms = _arms(search, winners)
    return [
        f"{path}: the winners, to be run with `resbench run {path}`",
        *(
            f"{path}: without the claim {claim.says!r}, which needs more than the tuned arms that are in it"
            for claim in search.claims
            if not _can_be_tested(claim, arms)
        ),
    ]


def _arms(search: Search, winners: Winners) -> list[Cell]:
    return [arm for arm in search.points() if arm_label(arm) in winners]


def export(search: Search, winners: Winners) -> str:
    """A grid file of the winners: what each arm was tuned to, zipped, so that `resbench run` trains them."""
    arms = _arms(search, winners)
    paths = [*search.arms, *search.space]
    values = {path: [{**arm, **winners[arm_label(arm)]}[path] for arm in arms] for path in paths}
    given = {path: plain_of(value) if isinstance(value, str) else value for path, value in search.base.items()}
    base = {path: value for path, value in given.items() if path not in paths}
    # the paths of an arm are paired with the searched ones: no comparison can go over another of them
    claims = [{**claim.to_json(), "at": []} for claim in search.claims if _can_be_tested(claim, arms)]
    lines = [f"# Question: how do the arms of {search.name} compare, each with the values that it was tuned to?"]
    lines.append(f"{_SIGNATURE}{search.budget} trials for each arm, {search.sampler}, {search.pruner}.")
    lines.append(f"name: {search.name[:_MAX_NAME]}-winners")
    lines += [f"plugins: {_yaml([str(file) for file in search.home.plugins])}"] if search.plugins else []
    lines += [f"metrics: {_yaml(metrics_entry(search.metrics))}"] if search.metrics else []
    lines += [f"base: {_yaml(nest(base))}"] if base else []
    lines += ["zip:", "-"]
    lines += [f"  {path}: {_yaml(choices)}" for path, choices in values.items()]
    lines.append(f"seeds: {_yaml(search.confirm_seeds)}")
    lines += [f"probes: {_yaml(list(search.probes))}"] if search.probes else []
    labels = {path: words for path, words in search.labels.items() if path != TUNING}
    lines += [f"labels: {_yaml(labels)}"] if labels else []
    lines += ["claims:", *(f"- {_yaml(claim)}" for claim in claims)] if claims else []
    return "\n".join(lines) + "\n"


def _can_be_tested(claim: Claim, arms: Sequence[Cell]) -> bool:
    """Whether the exported grid can have a claim: not one about tuning itself, or about arms that are not in it."""
    at = dict(claim.at)
    if TUNING in claim.compare or at.pop(TUNING, [TUNED]) != [TUNED] or at:
        return False
    return any(claim.model_copy(update={"at": {}}).comparisons(arms))


def _yaml(value: object) -> str:
    """A value in YAML's flow style, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return str(text).removesuffix("\n...\n").strip()
