"""How long a question waits for its answer: with looks, and when all seeds are trained before the claim is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.goals.row import Row
from benchmarks.goals.running import trained

from resbench.records.store import Store

LOOKS: dict[str, Any] = {"all seeds at once": 8, "looks": {"looks": [5, 8], "spend": "pocock"}}


def time_to_verdict(folder: Path) -> Iterator[Row]:
    """The wall clock of `resbench run` until the claim that 34 residual layers beat 34 plain ones is settled."""
    walls: list[float] = []
    for way, seeds in LOOKS.items():
        name = "verdict-" + way.split(maxsplit=1)[0]
        (folder / f"{name}.json").write_text(json.dumps(question(name, seeds)))
        wall = trained(folder / f"{name}.json", folder).seconds
        records = Store(folder / "r" / name).records()
        words = f"{wall:.0f} s ({len(records) // 2} seeds, {verdict(folder / 'p' / name)})"
        ratio = wall / (walls or [wall])[0]
        walls.append(wall)
        what = (
            f"time until it is settled that 34 residual layers beat 34 plain ones (width 8, mnist-5k, 3 epochs), {way}"
        )
        if len(walls) == 1:
            yield Row(what, wall, words)
        else:
            yield Row(what, ratio, f"{ratio:.2f} of that: {words}", most=1.0, goal="no longer than without")


def question(name: str, seeds: object) -> dict[str, Any]:
    """The grid file."""
    claim = {
        "says": "34 residual layers beat 34 plain ones",
        "compare": {"model.shortcut": "identity"},
        "to": {"model.shortcut": "none"},
        "on": "test_error",
        "expect": "lower",
    }
    base = {"model": {"width": 8, "depth": 34}, "data": {"name": "mnist-5k"}, "recipe": {"epochs": 3}}
    axes = {"model.shortcut": ["identity", "none"]}
    return {"name": name, "base": base, "axes": axes, "seeds": seeds, "claims": [claim]} | {"baseline": claim["to"]}


def verdict(page: Path) -> str:
    """The state of the one claim."""
    (claim,) = json.loads((page / "report.json").read_text())["claims"]
    return str(claim["verdict"])
