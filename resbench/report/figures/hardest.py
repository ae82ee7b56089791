"""The test images that most runs miss: hard for every arm, or for one of them; some of them are wrongly labelled."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from resbench.core.config import UserError
from resbench.data.embedded import mnist_5k
from resbench.report.document import Table
from resbench.report.figures.drawing import BAND, SMALL, TINY, Drawn, canvas
from resbench.report.figures.styles import Arms, legend
from resbench.report.frames import groups
from resbench.report.study import Study

_MOST, _MOST_ARMS, _COLUMNS = 24, 4, 8
_EMBEDDED = {"mnist-5k": mnist_5k}  # datasets that need no files, so that a page never depends on what lies on a disk


@dataclass(frozen=True)
class Hardest:
    """The images that the largest share of runs misses.

    Attributes:
        rows: `image` (its index in the test set), `label` (of embedded data), `missed` (share of all runs), one share
            per arm, and `instead`, the class most often given, hardest first.
        arms: what the runs are told apart by.
        data: name of the dataset; empty if it is not known.
        sha256: of the test images and labels, as the records give it; empty if they do not.
        runs, others: runs counted, and runs on other images that are not.
        missed: number of images that any run misses.
        images: size of the test set.
    """

    rows: pd.DataFrame
    arms: Arms
    data: str
    sha256: str
    runs: int
    others: int
    missed: int
    images: int

    @cached_property
    def pictures(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None:
        """Test images `(n, side, side)` and labels `(n,)`, if they are embedded and are those that the runs saw."""
        return _pictures(self.data, self.sha256, self.images)


def hardest(study: Study, frame: pd.DataFrame, arms: Arms) -> Hardest | None:
    """None if fewer than two runs kept predictions, or no run missed an image.

    Args:
        frame: as `cells.cells` returns.
        arms: the combinations of all axes but one; if they are many, the baseline's axes alone make the arms.
    """
    if not arms.axes:  # of a grid of one axis
        arms = Arms(frame, study.axes, study.baseline)
    if len(arms.names) > _MOST_ARMS:
        arms = Arms(frame, [axis for axis in arms.axes if axis in study.baseline], study.baseline)
        arms = arms if len(arms.names) <= _MOST_ARMS else Arms(frame, [], {})
    seen = [
        (arms.of(part.iloc[0].to_dict()), study.by_id[run_id])
        for _, part in groups(study.runs, study.axes)
        for run_id in part.loc[part["status"] == "ok", "id"]
        if study.by_id[run_id].get("predictions")
    ]
    sets = Counter(_test_set(record) for _, record in seen)
    if not sets:
        return None
    chosen = sets.most_common(1)[0][0]
    runs = [(arm, record["predictions"]["wrong"]) for arm, record in seen if _test_set(record) == chosen]
    data, sha256, images = chosen
    rows, missed = _rows(runs, arms)
    if len(runs) < 2 or rows.empty:
        return None
    found = Hardest(rows, arms, data, sha256, len(runs), len(seen) - len(runs), missed, images)
    if found.pictures is not None:
        rows.insert(1, "label", found.pictures[1][rows["image"]])
    return found


def hardest_table(found: Hardest | None) -> Table | None:
    """A row per image."""
    if found is None:
        return None
    rows = found.rows
    columns = {"image": [str(image) for image in rows["image"]]}
    if "label" in rows:
        columns["label"] = [str(label) for label in rows["label"]]
    names = found.arms.names if len(found.arms.names) > 1 else []
    columns["missed by % of runs"] = [f"{100 * share:.0f}" for share in rows["missed"]]
    columns |= {name: [f"{100 * share:.0f}" for share in rows[name]] for name in names}
    columns["most often taken for"] = [str(instead) for instead in rows["instead"]]
    raw = {"missed by % of runs": list(100 * rows["missed"])} | {name: list(100 * rows[name]) for name in names}
    return Table.of(columns, raw, caption=_caption(found), name="hardest", frame=rows)


def draw_hardest(found: Hardest | None) -> Drawn | None:
    """The images, exactly what is told of them, and a caption; None where the images are not at hand."""
    if found is None or found.pictures is None:
        return None
    rows = found.rows.to_dict("records")
    names = found.arms.names if len(found.arms.names) > 1 else []
    lines = -(-len(rows) // _COLUMNS)
    figure = canvas(10.5, lines * (1.35 + 0.13 * max(len(names), 1)) + 0.1)
    grid = figure.subplots(lines, _COLUMNS, squeeze=False)
    for axes, row in zip(grid.flat, [*rows, *[None] * (grid.size - len(rows))], strict=True):
        if row is None:
            axes.set_visible(False)
            continue
        _draw_image(axes, found.pictures[0][row["image"]], row, found.arms if names else None)
    if names:
        legend(figure, found.arms, False)
    return figure, found.rows, _caption(found, shown=True)


def _draw_image(axes: Axes, image: npt.NDArray[np.uint8], row: Mapping[Any, Any], arms: Arms | None) -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(f"{row['label']} taken for {row['instead']}", fontsize=SMALL, pad=3)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set(visible=True, color="#d0d7de")
    bars = [(row["missed"], "#57606a")]
    if arms:
        bars = [(row[name], style.color) for name, style in zip(arms.names, arms.styles, strict=True)]
    step = 0.15
    below = axes.inset_axes((0, -0.04 - step * len(bars), 1, step * len(bars)))
    below.barh(range(len(bars)), [1] * len(bars), height=0.62, color=BAND)
    below.barh(range(len(bars)), [share for share, _ in bars], height=0.62, color=[color for _, color in bars])
    for y, (share, _) in enumerate(bars):
        below.text(1.03, y, f"{100 * share:.0f}", va="center", ha="left", fontsize=TINY)
    below.set(xlim=(0, 1), ylim=(len(bars) - 0.5, -0.5))
    below.axis("off")


def _caption(found: Hardest, shown: bool = False) -> str:
    text = (
        f"The {len(found.rows)} test images missed by the largest share of {found.runs} runs, of {found.missed:,} that any "
        f"run misses and {found.images:,} in all."
    )
    text += (
        " Bars and numbers: percent of the runs that miss it"
        if shown
        else " Numbers by arm: percent of its runs that miss it"
    )
    text += ", by arm." if shown and len(found.arms.names) > 1 else "."
    text += (
        " An image that nearly all runs of well-trained networks take for the same other class may be labelled wrongly."
    )
    if "label" not in found.rows:
        text += " Records hold no labels, so only the class that was given instead is told."
    if found.others:
        text += f" {found.others} runs on other test images are left out."
    return text


def _test_set(record: Mapping[str, Any]) -> tuple[str, str, int]:
    """(dataset, checksum, number) of the images that a run was tested on."""
    name = str(record["config"].get("data", {}).get("name", ""))
    return name, str(record["provenance"].get("test_sha256") or ""), int(record["predictions"]["images"])


def _rows(runs: Sequence[tuple[str, str]], arms: Arms) -> tuple[pd.DataFrame, int]:
    """The hardest images of runs (arm, "index:class ..."), and how many images are missed by any run."""
    size = Counter(arm for arm, _ in runs)
    given: dict[int, Counter[str]] = {}
    by_arm: dict[int, Counter[str]] = {}
    for arm, wrong in runs:
        for item in wrong.split():
            image, _, instead = item.partition(":")
            given.setdefault(int(image), Counter())[instead] += 1
            by_arm.setdefault(int(image), Counter())[arm] += 1
    order = sorted(given, key=lambda index: (-given[index].total(), index))[:_MOST]
    rows = []
    for index in order:
        row: dict[str, Any] = {"image": index, "missed": given[index].total() / len(runs)}
        row |= {name: by_arm[index][name] / size[name] if size[name] else float("nan") for name in arms.names}
        row["instead"] = int(min(given[index], key=lambda name: (-given[index][name], int(name))))
        rows.append(row)
    return pd.DataFrame(rows, columns=["image", "missed", *arms.names, "instead"]), len(given)


def _pictures(data: str, sha256: str, images: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None:
    if data not in _EMBEDDED:
        return None
    try:
        pixels, labels = _EMBEDDED[data](False)
    except UserError:
        return None
    if len(labels) != images or hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest() != sha256:
        return None  # other images than those the runs were tested on
    return pixels[:, 0], labels
