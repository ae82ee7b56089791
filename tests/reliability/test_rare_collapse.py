"""How often arms are called equivalent of which one collapses in a tenth of its runs: as often as no seed shows it."""

import math
from typing import Any

import numpy as np
import pytest

from resbench.core.config import nest
from resbench.records.claim import Claim
from resbench.records.record import Predictions, Provenance, Record
from resbench.records.study_file import StudyFile
from resbench.report.collapse import with_collapsed
from resbench.report.frames import frame_of
from resbench.report.judge import judge
from resbench.report.study import Study
from resbench.report.wording.failures import unseen

AXIS, REPLICATES, COLLAPSES = "model.shortcut", 400, 0.1
CLAIM = Claim(
    says="alike", at={}, compare={AXIS: "identity"}, to={AXIS: "none"}, on="test_error", expect="equivalent", margin=0.5
)


def study(draw: np.random.Generator, seeds: int, images: int, error: float) -> Study:
    """Two arms that are alike, but that ours collapses at 88.65 % error in a tenth of its runs: +8.8 points."""
    difficulty = draw.beta(0.5, 3.0, images)
    chances = np.clip(error * difficulty / difficulty.mean(), 0, 1)
    rows, records = [], {}
    for arm in ("identity", "none"):
        for seed in range(seeds):
            lost = arm == "identity" and draw.random() < COLLAPSES
            missed = np.arange(images) < 0.8865 * images if lost else draw.random(images) < chances
            run_id = f"{len(rows):016x}"
            record = Record(run_id, nest({"seed": seed, AXIS: arm}), "ok", Provenance({"test_sha256": "7" * 64}))
            record.predictions = Predictions.of(missed.astype(np.int64), np.zeros(images, dtype=np.int64))
            record.metrics = {"test_accuracy": 1 - float(missed.mean()), "test_error": float(missed.mean())}
            records[run_id] = record
            row: dict[str, Any] = {AXIS: arm, "id": run_id, "seed": seed, "status": "ok"}
            rows.append(row | {f"metrics.{name}": value for name, value in record.metrics.items()})
    runs = with_collapsed(frame_of(rows, [AXIS]), [AXIS], records)
    file = StudyFile(schema=1, runs=[], claims=[CLAIM])
    return Study("s", file, [AXIS], runs, list(records.values()), 0, 0)


@pytest.mark.parametrize(("images", "error"), [(10_000, 0.01), (2_000, 0.05)])
@pytest.mark.parametrize("seeds", [5, 8, 20])
def test_equivalence_is_supported_only_where_no_seed_collapsed(seeds: int, images: int, error: float) -> None:
    draw = np.random.default_rng(seeds)
    false = 0
    for _ in range(REPLICATES):
        (verdict,) = judge(study(draw, seeds, images, error))
        (one,) = verdict.contrasts
        assert one.ours.trained or one.state != "supported"
        false += one.state == "supported"
    rate, unseen_rate = false / REPLICATES, (1 - COLLAPSES) ** seeds
    print(f"{seeds} seeds, {images} images: {100 * rate:.1f} %, no collapse seen in {100 * unseen_rate:.1f} %")
    assert rate <= unseen_rate + 2.5 * math.sqrt(unseen_rate * (1 - unseen_rate) / REPLICATES)
    assert unseen(seeds) > COLLAPSES  # what the sentence of each of them says could be
