"""The table of an acceptance, as Markdown; and `python -m tests.gpu.table OUT` puts it into the repository.

The JSON becomes `results/gpu/<date>-<card>.json`, and `reports/gpu/report.md` shows all that are there, the latest first.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from .rows import NOT_CHECKED, Acceptance, Outcome

TITLE = "# GPU: what a card has shown\n"


def write_report(acceptance: Acceptance, folder: Path) -> Path:
    """`report.md` in the folder."""
    path = folder / "report.md"
    path.write_text("\n".join([TITLE, section(acceptance)]), encoding="utf-8")
    return path


def section(acceptance: Acceptance) -> str:
    """One acceptance: where, how it went, and all rows."""
    outcomes = acceptance.outcomes
    ended = [outcome.status for outcome in outcomes]
    counts = ", ".join(f"{ended.count(kind)} {kind}" for kind in dict.fromkeys(ended))
    met = [row.met for outcome in outcomes for row in outcome.rows if row.met is not None]
    small = ", with small sizes" if acceptance.small else ""
    lead = (
        f"`make gpu` on {acceptance.machine.get('device', acceptance.device)}{small}: {len(outcomes)} checks: {counts}; "
        f"{sum(met)} of {len(met)} goals met; {acceptance.seconds:.0f} s of {acceptance.budget:.0f} s."
    )
    lines = [f"## {acceptance.began[:10]}, {acceptance.machine.get('device', acceptance.device)}", "", lead, ""]
    lines += [f"- {name}: {_escaped(told)}" for name, told in acceptance.machine.items()]
    lines += ["", "| check | | seconds | what | found | goal | |", "|---|---|---|---|---|---|---|"]
    for outcome in outcomes:
        lines += _lines(outcome)
    return "\n".join(lines) + "\n"


def _lines(outcome: Outcome) -> list[str]:
    """One line of the table for each row; the first names the check."""
    head = f"| {outcome.code} {outcome.name} | {outcome.status} | {outcome.seconds:.1f} "
    cells = [(row.what, row.told, row.goal, row.verdict) for row in outcome.rows]
    if outcome.error:
        cells.insert(0, ("", outcome.error, "", ""))
    out = [" | ".join(map(_escaped, each)) for each in cells or [("", "", "", "")]]
    return [f"{head if not index else '| | | '}| {text} |" for index, text in enumerate(out)]


def _escaped(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def machine_facts(outcome: Outcome) -> dict[str, str]:
    """What the check of the environment says of the machine."""
    rows = outcome.rows if outcome.name == "environment" else []
    return {row.what: row.told for row in rows if row.what != NOT_CHECKED}


def keep(acceptance: Acceptance, results: Path, reports: Path) -> Path:
    """Put an acceptance next to earlier ones, and write the page of them all."""
    card = re.sub(r"[^a-z0-9]+", "-", acceptance.machine.get("device", acceptance.device).split(",")[0].lower()).strip(
        "-"
    )
    path = results / "gpu" / f"{acceptance.began[:10]}-{card}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(acceptance.to_json(), encoding="utf-8")
    page = reports / "gpu" / "report.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_of(results), encoding="utf-8")
    return page


def page_of(results: Path) -> str:
    """All that are kept, the latest first."""
    kept = [Acceptance.from_json(file.read_text(encoding="utf-8")) for file in (results / "gpu").glob("*.json")]
    sections = [section(each) for each in sorted(kept, key=lambda each: each.began, reverse=True)]
    return "\n".join([TITLE, *sections])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.table", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder that `make gpu` wrote")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    options = parser.parse_args()
    acceptance = Acceptance.from_json((options.out / "acceptance.json").read_text(encoding="utf-8"))
    print(keep(acceptance, options.results, options.reports))


if __name__ == "__main__":
    main()
