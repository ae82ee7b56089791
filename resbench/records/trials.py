"""What `trials.json` holds: every trial of a search and the winner of each arm, next to the records, for the report."""

from __future__ import annotations

from pydantic import Field

from resbench.core.cell import Value
from resbench.records.part import Number, Part


class SearchRange(Part):
    """Where one field was searched: a range, or choices."""

    low: Number | None = None
    high: Number | None = None
    log: bool | None = None
    step: Number | None = None
    choices: list[Value] | None = None


class TunedArm(Part):
    """One arm of the comparison.

    Attributes:
        arm: its values.
        winner: number of its best trial when the search last ended; None if every trial diverged or was pruned, or before.
        tuned, untuned: values of the searched fields, of the winner and of the base.
        epochs: that a trial can train, over its seeds.
        importance: field -> share of the variance of the trials' errors; None where it cannot be computed.
    """

    arm: dict[str, Value] = Field(default_factory=dict)
    label: str
    winner: int | None
    tuned: dict[str, Value] | None
    untuned: dict[str, Value]
    epochs: int = 0
    importance: dict[str, Number] | None


class Trial(Part):
    """One trial of an arm.

    Attributes:
        state: complete, pruned, diverged, failed or running.
        error: validation error as a fraction.
        params: the searched fields.
        epochs, seconds: of training, over its seeds.
        reports: epoch over all seeds -> validation error.
    """

    arm: str
    number: int
    state: str
    error: Number | None
    params: dict[str, Value]
    epochs: int
    seconds: Number
    reports: dict[str, Number] = Field(default_factory=dict)
    message: str


class TrialsFile(Part):
    """A whole search.

    Attributes:
        search: its name.
        trials: of each arm.
        seeds: of each trial.
        importance: name of the method.
    """

    schema_version: int = Field(default=1, alias="schema")
    search: str = ""
    sampler: str
    pruner: str
    trials: int
    seeds: int
    space: dict[str, SearchRange]
    importance: str
    arms: list[TunedArm]
    rows: list[Trial]
