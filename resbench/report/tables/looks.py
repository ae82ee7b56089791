"""Every planned look at each comparison of a claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from resbench.records.claim import Claim
from resbench.report.document import Columns, Table
from resbench.report.format import DASH, interval_texts, name_of, p_cell, signed
from resbench.report.looks.sequential import LookHistory, LookVerdict
from resbench.report.planning import ALPHA
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.interactions import minus_text

_WORDS = {"pocock": "about evenly (Pocock)", "obrien_fleming": "hardly at first (O'Brien and Fleming)"}


def look_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """One row per look at each comparison of every claim; None if no look was taken."""
    rows = [(verdict, one, one.looks) for verdict in verdicts for one in verdict.contrasts if one.looks]
    columns, numbers = Columns(), []
    for verdict, judged, history in rows:
        for place, look in enumerate(history.done, 1):
            columns.put("claim", verdict.claim.says)
            columns.put("comparison", minus_text(judged))
            _put_look(look, verdict.claim, columns, f"{place} of {len(history.plan.sizes)}")
        cells = {"compare": name_of(judged.ours.cell), "to": name_of(judged.theirs.cell)}
        numbers += [{"claim": verdict.claim.says, **cells, **facts} for facts in look_facts(judged)]
    if not columns.texts:
        return None
    return columns.table(caption=_caption(rows[0][2]), name="looks", frame=pd.DataFrame(numbers))


def _put_look(look: LookVerdict, claim: Claim, columns: Columns, place: str) -> None:
    test, contrast, metric = look.test, look.contrast, claim.metric
    fraction = test.schedule.fractions[-1]
    columns.put("look", place)
    columns.put("seeds", str(look.seeds))
    columns.put("information %", f"{100 * fraction:.0f}", fraction)
    columns.put("spent %", f"{100 * test.spent:.2f}", test.spent)
    columns.put("nominal %", f"{100 * test.nominal:.2f}", test.nominal)
    difference = metric.factor * contrast.interval.estimate if contrast else None
    columns.put("difference", DASH if difference is None else signed(difference), difference)
    columns.put("repeated interval", interval_texts(test.interval, metric, claim.margin)[1] if test.interval else DASH)
    columns.put("its level %", f"{100 * test.level:g}" if test.interval else DASH, test.level)
    columns.put("p", p_cell(test.p.difference), test.p.difference)
    columns.put("p (looks, Holm)", p_cell(look.p_holm), look.p_holm)
    columns.put("state", "stopped for futility" if look.futile else look.state)


def _caption(history: LookHistory) -> str:
    sizes = ", ".join(map(str, history.plan.sizes))
    return (
        f"Looks were planned at {sizes} seeds. They spend the level of {100 * ALPHA:g} % {_WORDS[history.plan.spend]} along the "
        "information of each comparison, as Lan and DeMets do; the share of the last look's information is estimated at "
        "each look from the noise of seeds and images. A look tests at its nominal level, at which its repeated interval is "
        "drawn; the level printed next to that is of the intervals of all looks together. Levels are two-sided; those of "
        "equivalence are of two one-sided tests of half of it. Where runs did not train the test is the worst-rank test, "
        "whose information is the number of seeds. The last p is the smallest level of all looks at which this look would "
        "have decided, with Holm's correction over the family. What is decided stays decided; a comparison stops for "
        "futility where its last look has less than a 10 % chance to decide it."
    )


def look_facts(judged: ContrastVerdict) -> list[dict[str, Any]]:
    """The numbers of each look at a comparison, for CSV and JSON."""
    return list(_facts(judged.looks.done)) if judged.looks else []


def _facts(done: Sequence[LookVerdict]) -> Iterator[dict[str, Any]]:
    for place, look in enumerate(done, 1):
        test, interval = look.test, look.test.interval
        limits = interval[:3] if interval else (None, None, None)
        yield {
            "look": place,
            "seeds": look.seeds,
            "fraction": test.schedule.fractions[-1],
            "spent": test.spent,
            "nominal": test.nominal,
            **dict(zip(("estimate", "low", "high"), limits, strict=True)),
            "level": test.level,
            "p": test.p.difference,
            "p_within": test.p.within,
            "p_looks": test.sequential.difference,
            "p_within_looks": test.sequential.within,
            "p_holm": look.p_holm,
            "state": look.state,
            "futile": look.futile,
        }
