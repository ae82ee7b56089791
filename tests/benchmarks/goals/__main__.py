"""What resbench promises about speed, measured: `make goals`.

Each line is a share of the machine's peak or a ratio, of things measured in turn on this machine, a time of the command
line, or a slope. Writes `results/goals.json` (what was measured, where, and profiles of a training step as the plain loop
computes it and as resbench does), and from it `reports/goals/`. Takes half an hour on two cores, which must have nothing
else to do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.goals import commands, grids, growth, profiles, scheduling, training, verdict
from benchmarks.goals.row import Row

from resbench.report import write_index
from resbench.training.device import cores, resolve_placement
from resbench.training.provenance import provenance

SECTIONS: dict[str, Callable[[Path], Iterator[Row]]] = {
    **{f"width-{width}": lambda folder, width=width: training.throughput(width) for width in training.SHARES},
    "evaluation": training.evaluation,
    "outside-steps": training.outside_steps,
    "grid-of-32-runs": grids.many_runs,
    "grid-of-width-64": grids.wide,
    "grid-of-width-16": grids.narrow,
    "verdict": verdict.time_to_verdict,
    "quickstart": commands.quickstart,
    "quickstart-without-bf16": commands.quickstart_without_bf16,
    "command-line": commands.small_study,
    "large-plan": commands.large_plan,
    "growth-of-runs": growth.of_runs,
    "growth-of-cells": growth.of_cells,
    "growth-of-depth": growth.of_depth,
    "growth-of-images": growth.of_images,
    "scheduling": scheduling.scheduling,
}
PROFILES = {f"profile-{width}": partial(profiles.profiles, width) for width in profiles.WIDTHS}


def main() -> None:
    """Measure all sections, or those named, and keep the others as they were measured."""
    parser = argparse.ArgumentParser(prog="make goals", description=__doc__)
    known = [*SECTIONS, *PROFILES]
    words = f"{', '.join(known)}; all by default"
    parser.add_argument("sections", nargs="*", choices=[*known, []], metavar="SECTION", help=words)
    wanted = parser.parse_args().sections or known
    path = Path("results/goals.json")
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"sections": {}, "profiles": {}}
    sections = {name: kept["sections"][name] for name in SECTIONS if name in kept["sections"]}
    out = {"schema": 1, "sections": sections, "profiles": kept["profiles"]}
    facts = provenance(resolve_placement(training.CPU, cores(), "auto", 64)).with_facts(cores=cores())
    for name in [name for name in known if name in wanted]:
        began = time.perf_counter()
        if name in PROFILES:
            out["profiles"][name.removeprefix("profile-")] = PROFILES[name]()
            out["profiles"] = dict(sorted(out["profiles"].items(), key=lambda item: int(item[0])))
        else:
            rows = measured(SECTIONS[name])
            seconds = round(time.perf_counter() - began)
            sections[name] = {"rows": rows, "provenance": dict(facts.facts), "seconds": seconds}
        print(f"{name}: measured in {time.perf_counter() - began:.0f} s", flush=True)
        out["sections"] = {one: sections[one] for one in SECTIONS if one in sections}
        path.write_text(json.dumps(out, indent=1, allow_nan=False) + "\n")
    print(write_index(Path("results"), Path("reports")))


def measured(section: Callable[[Path], Iterator[Row]]) -> list[dict[str, Any]]:
    """The rows of a section, printed as they come."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in section(Path(folder)):
            print(row.what, row.goal, row.told, sep=" | ", flush=True)
            rows.append(asdict(row) | {"value": float(f"{row.value:.4g}")})
    return rows


if __name__ == "__main__":
    main()
