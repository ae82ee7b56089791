"""The test images that most runs miss: hard for every arm, or for one of them; some of them are wrongly labelled."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from resbench.core.cell import Cell
from resbench.core.errors import UserError
from resbench.core.text import plural
from resbench.data.embedded import mnist_5k
from resbench.records.pictures_file import Picture, PicturesFile
from resbench.records.record import Record
from resbench.report.document import Table
from resbench.report.study import Study

MOST_ARMS = 4
_MOST_IMAGES = 24
EMBEDDED = {"mnist-5k": mnist_5k}  # datasets that need no files, so that a page never depends on what lies on a disk


class TestImages(NamedTuple):
    """The images that a run was tested on.

    Attributes:
        name: of the dataset; empty if it is not known.
        sha256: of images and labels, as the records give it; empty if they do not.
        images: how many they are.
    """

    name: str
    sha256: str
    images: int


@dataclass(frozen=True)
class Hardest:
    """The images that the largest share of runs misses.

    Attributes:
        rows: `image` (its index in the test set), `label` (where pictures are at hand), `missed` (share of all runs), one share
            per arm, and `instead`, the class most often given, hardest first.
        arms: what the runs are told apart by; empty if there is one arm.
        test_set: of which they are.
        runs, others: runs counted, and runs on other images that are not.
        missed: number of images that any run misses.
        untrained: runs with predictions that are not counted, as they collapsed.
        pictures: of these images, by index; empty where they are not at hand.
    """

    rows: pd.DataFrame
    arms: list[str]
    test_set: TestImages
    runs: int
    others: int
    missed: int
    untrained: int = 0
    pictures: Mapping[int, Picture] = field(default_factory=dict)

    def caption(self, drawn: bool) -> str:
        """What the numbers mean.

        Args:
            drawn: whether the images are drawn, with bars, and not only listed.
        """
        by_arm = ", by arm" if drawn and self.arms else ""
        numbers = (
            "Bars and numbers: percent of the runs that get it wrong"
            if drawn
            else "Numbers by arm: percent of its runs that get it wrong"
        )
        text = (
            f"The {len(self.rows)} test images that most of {self.runs} runs get wrong, of {self.missed:,} that any run gets "
            f"wrong and {self.test_set.images:,} in all. {numbers}{by_arm}. An image that nearly all runs of "
            "well-trained networks take for the same other class may be labelled wrongly."
        )
        if "label" not in self.rows:
            text += " True labels are not stored; the last column is the usual prediction."
        if self.untrained:
            text += f" Left out: {plural(self.untrained, 'run')} that did not train."
        if self.others:
            text += f" Left out: {plural(self.others, 'run')} on other test images."
        return text


def hardest(
    study: Study, arms: Sequence[str], arm_of: Callable[[Cell], str], kept: PicturesFile | None = None
) -> Hardest | None:
    """The hardest images, or None if fewer than two runs kept predictions, or no run missed an image.

    Args:
        arms: names of what the runs are told apart by.
        arm_of: cell -> name of its arm.
        kept: pictures that are kept next to the records.
    """
    arm_of_run: dict[str, str] = {}  # a run of several cells counts for the first
    for _, cell, part in study.cells:
        for run_id in part.loc[part["status"] == "ok", "id"]:
            arm_of_run.setdefault(run_id, arm_of(cell))
    runs = [(arm, study.by_id[run_id]) for run_id, arm in arm_of_run.items() if _has_classes(study.by_id[run_id])]
    test_sets = Counter(_test_set(record) for _, record in runs)
    if not test_sets:
        return None
    test_set = test_sets.most_common(1)[0][0]
    counted = [(arm, record) for arm, record in runs if _test_set(record) == test_set]
    rows, missed = _rows(counted, arms)
    if len(counted) < 2 or rows.empty:
        return None
    names = list(arms) if len(arms) > 1 else []
    lost = study.runs.loc[study.runs["status"] == "collapsed", "id"].nunique()
    pictures = _pictures(test_set, [int(image) for image in rows["image"]], kept)
    if pictures:
        rows.insert(1, "label", [pictures[image].label for image in rows["image"]])
    return Hardest(rows, names, test_set, len(counted), len(runs) - len(counted), missed, lost, pictures)


def hardest_table(images: Hardest | None) -> Table | None:
    """A row per image."""
    if images is None:
        return None
    rows = images.rows
    columns = {"image": [str(image) for image in rows["image"]]}
    if "label" in rows:
        columns["label"] = [str(label) for label in rows["label"]]
    columns["wrong in % of runs"] = [f"{100 * share:.0f}" for share in rows["missed"]]
    columns |= {name: [f"{100 * share:.0f}" for share in rows[name]] for name in images.arms}
    columns["most often taken for"] = [str(instead) for instead in rows["instead"]]
    raw = {"wrong in % of runs": list(100 * rows["missed"])} | {name: list(100 * rows[name]) for name in images.arms}
    fold = f"Table of {plural(len(rows), 'test image')} with the runs that get each wrong"
    return Table.of(columns, raw, caption=images.caption(drawn=False), fold=fold, name="hardest", frame=rows)


def _has_classes(record: Record) -> bool:
    """Whether it is known what each image is taken for, which a user's own code need not say."""
    return record.predictions is not None and record.predictions.has_classes


def _test_set(record: Record) -> TestImages:
    data = record.config.get("data")
    name = str(data.get("name", "")) if isinstance(data, dict) else ""
    assert record.predictions is not None
    return TestImages(name, record.provenance.test_sha256 or "", record.predictions.images)


def _rows(runs: Sequence[tuple[str, Record]], arms: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """The hardest images of runs with their arms, and how many images are missed by any run."""
    size = Counter(arm for arm, _ in runs)
    given: dict[int, Counter[int]] = {}
    by_arm: dict[int, Counter[str]] = {}
    for arm, record in runs:
        for image, instead in record.predictions.classes().items() if record.predictions else ():
            given.setdefault(image, Counter())[instead] += 1
            by_arm.setdefault(image, Counter())[arm] += 1
    rows = []
    for image in sorted(given, key=lambda index: (-given[index].total(), index))[:_MOST_IMAGES]:
        row: dict[str, Any] = {"image": image, "missed": given[image].total() / len(runs)}
        row |= {name: by_arm[image][name] / size[name] if size[name] else float("nan") for name in arms}
        row["instead"] = min(given[image], key=lambda label: (-given[image][label], label))
        rows.append(row)
    return pd.DataFrame(rows, columns=["image", "missed", *arms, "instead"]), len(given)


def _pictures(test_set: TestImages, images: Sequence[int], kept: PicturesFile | None) -> dict[int, Picture]:
    """The pictures, if they are embedded or kept and are those that the runs were tested on."""
    if kept and test_set.sha256 and (kept.dataset, kept.sha256) == (test_set.name, test_set.sha256):
        return kept.of_images(images)
    if test_set.name not in EMBEDDED:
        return {}
    try:
        pixels, labels = EMBEDDED[test_set.name](False)
    except UserError:
        return {}
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    if len(labels) != test_set.images or digest != test_set.sha256:
        return {}
    return {image: Picture.of(image, int(labels[image]), pixels[image, 0]) for image in images}
