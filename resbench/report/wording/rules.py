"""What each state of a claim means, in a line, from the constants that decide it."""

from __future__ import annotations

from collections.abc import Mapping

from resbench.report.planning import ALPHA, MIN_SEEDS

RULES_PAGE, RULES_TITLE = "how-verdicts-are-decided", "How verdicts are decided"  # its folder among the reports
INTERVAL, WITHIN = f"{100 * (1 - ALPHA):g} %", f"{100 * (1 - 2 * ALPHA):g} %"  # of a difference, and of none
LEVEL = f"{ALPHA:g}".removeprefix("0")

RULES: Mapping[str, str] = {
    "supported": f"The difference is as claimed: its {INTERVAL} interval excludes zero and p is below {LEVEL}. "
    f"Of a claim of no difference: the {WITHIN} interval lies within the margin.",
    "refuted": f"The difference is the reverse of what is claimed: its {INTERVAL} interval excludes zero and p is below "
    f"{LEVEL}. Of a claim of no difference: it is larger than the margin, with p below {LEVEL}.",
    "equivalent": f"A difference is claimed, and there is none that matters: the {WITHIN} interval lies within the margin.",
    "inconclusive": "The data leave it open: no rule for another state is met.",
    "not trained": "Runs diverged or collapsed, so means are not compared, and ranking those runs last does not decide.",
    "not comparable": "The runs were not all on the same data, or some lack the number that is compared.",
    "mixed": "The comparisons of this claim have different states.",
    "too few seeds": f"A verdict takes {MIN_SEEDS} seeds in both arms.",
    "not run": "There is no result to compare yet.",
}
