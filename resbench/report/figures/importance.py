"""The figure of what matters in a search: how much each setting separates good trials from the rest."""

from __future__ import annotations

from functools import partial

import pandas as pd

from resbench.report.figures.drawing import WIDE, Canvas, canvas
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.search_arms import arms_of, groups_of, words_of
from resbench.report.figures.styles import legend
from resbench.report.tables.search import Trials


def figure(evidence: Evidence) -> Figure | None:
    """The share of each setting in what separates good trials from the rest; None where an arm completed too few."""
    if not (trials := evidence.trials) or len(trials.paths) < 2:
        return None
    arms = {arm.label: arm.importance for arm in trials.arms if arm.importance}
    if len(arms) < len(trials.arms) or not arms:
        return None  # of one arm alone it compares nothing
    points = pd.DataFrame(
        [
            {"setting": path, "arm": label, "importance": shares.get(path, 0.0)}
            for path in trials.paths
            for label, shares in arms.items()
        ]
    )
    caption = f"Importance of each searched setting by {trials.file.importance}, with those that diverged."
    texts = [
        f"{words_of(evidence, trials)[label]}: {', '.join(f'{evidence.labels.name(path)} {shares.get(path, 0.0):.2f}' for path in trials.paths)}"
        for label, shares in arms.items()
    ]
    alt = f"Importance of each searched setting; {'; '.join(texts)}."
    title = f"Importance of each searched setting by {trials.file.importance}"
    return Figure("importance", points, partial(_draw_importance, points, trials, evidence), caption, alt, title)


def _draw_importance(points: pd.DataFrame, trials: Trials, evidence: Evidence) -> Canvas:
    arms, groups = arms_of(evidence, trials), groups_of(evidence, trials)
    drawn = canvas(WIDE, 0.9 + 0.28 * len(points) + 0.2 * len(trials.paths))
    axes = drawn.add_subplot()
    palette = {label: arms.styles[name].color for label, name in groups.items()}
    import seaborn as sns  # takes a second, and no other figure of a search needs it

    sns.barplot(
        points, x="importance", y="setting", hue="arm", palette=palette, saturation=1, errorbar=None, legend=False,
        ax=axes, gap=0.1,
    )  # fmt: skip
    axes.set_yticks(range(len(trials.paths)), list(map(evidence.labels.name, trials.paths)))
    axes.set_xlim(0, 1)
    axes.set_xlabel("importance (shares of one arm sum to 1)")
    axes.set_ylabel("")
    legend(drawn, arms, False)
    return drawn
