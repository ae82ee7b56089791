"""What became of the predictions of theories, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.core.text import plural
from resbench.report.format import DASH, mean_text, within
from resbench.report.labels import Labels, listed
from resbench.report.theory import AS_PREDICTED, NOT_AS_PREDICTED, NOT_COMPARABLE, NOT_SETTLED, TheoryVerdict

_SIGNS = {"equal": "", "at_least": "≥ ", "at_most": "≤ "}
_MANY = 3  # predictions, from which they are counted before they are told


def theory_sentences(theory: Sequence[TheoryVerdict], labels: Labels) -> list[str]:
    """How many predictions hold, then a sentence for each that does not; of one or two a sentence each."""
    if len(theory) < _MANY:
        return [told_prediction(one, labels) for one in theory]
    others = [one for one in theory if one.verdict in (NOT_AS_PREDICTED, NOT_SETTLED)]
    return [f"{counted_predictions(theory)}.", *(told_prediction(one, labels) for one in others)]


def counted_predictions(theory: Sequence[TheoryVerdict]) -> str:
    """`7 of 9 predictions of theory hold, 1 does not, 1 is not settled`."""
    count = {
        state: sum(one.verdict == state for one in theory)
        for state in (AS_PREDICTED, NOT_AS_PREDICTED, NOT_SETTLED, NOT_COMPARABLE)
    }
    held, total = count[AS_PREDICTED], plural(len(theory), "prediction")
    if count[NOT_COMPARABLE] == len(theory):
        reasons = {one.because for one in theory}
        return f"None of {total} of theory can be compared{f': {reasons.pop()}' if len(reasons) == 1 else ''}"
    parts = [f"{held or 'none'} of {total} of theory {'holds' if held == 1 else 'hold'}"]
    for state, one, more in (
        (NOT_AS_PREDICTED, "does not", "do not"),
        (NOT_SETTLED, "is not settled", "are not settled"),
        (NOT_COMPARABLE, "is not comparable", "are not comparable"),
    ):
        if count[state]:
            parts.append(f"{count[state]} {one if count[state] == 1 else more}")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def told_prediction(one: TheoryVerdict, labels: Labels) -> str:
    """A prediction, what became of it, and both numbers."""
    name = {AS_PREDICTED: "As theory predicts", NOT_AS_PREDICTED: "Not as theory predicts"}.get(one.verdict)
    name = name or f"{one.verdict[:1].upper()}{one.verdict[1:]}, of theory"
    unit = percent_sign(one)
    numbers = [
        f"predicted {predicted_text(one)}{unit}",
        *([f"measured {measured_text(one)}{unit}"] if one.seeds else []),
    ]
    where = [labels.cell(one.cell)] if one.cell else []
    because = [] if one.verdict in (AS_PREDICTED, NOT_AS_PREDICTED, NOT_SETTLED) else [one.because]
    return f"{name}: {one.prediction.says} ({'; '.join([*where, listed(numbers), *because])})."


def predicted_text(one: TheoryVerdict) -> str:
    """`1.211 ± 0.05`, `≤ 0.5`."""
    said = one.prediction
    text = f"{_SIGNS[said.expect]}{_number(one, said.value)}"
    return text + (f" ± {_number(one, said.margin)}" if said.expect == "equal" and said.margin else "")


def measured_text(one: TheoryVerdict) -> str:
    """`1.17 [1.15, 1.19]`; the number alone where it has no interval."""
    ours = one.ours
    if ours.estimate != ours.estimate:
        return DASH
    if ours.low != ours.low or one.prediction.metric.exact:
        return _number(one, ours.estimate)
    texts = within if one.prediction.shows_percent else mean_text
    return texts(ours.estimate, ours.low, ours.high)


def percent_sign(one: TheoryVerdict) -> str:
    """What follows the numbers of a share outside of tables."""
    return " %" if one.prediction.shows_percent else ""


def _number(one: TheoryVerdict, value: float) -> str:
    return f"{100 * value if one.prediction.shows_percent else value:.4g}".replace("-", "−")
