"""What `study.json` holds: the question of a study, next to its answers, so that the report needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, model_validator

from resbench.core.cell import Value
from resbench.core.config import refuse
from resbench.core.text import NAME_RULE, is_name, is_run_id
from resbench.records.claim import Claim, Published, Target
from resbench.records.metrics import Metric, add_metrics, is_built_in
from resbench.records.part import AS_GIVEN, NULL_IS_EMPTY, Number, Part
from resbench.records.statements import Statement, histories
from resbench.records.theory import Prediction


def _study_name(value: str) -> str:
    if not is_name(value):
        raise refuse("", f"{value!r} is not a name: {NAME_RULE}")
    return value


def _run_id(value: str) -> str:
    if not is_run_id(value):
        raise refuse("", f"{value!r} is not the id of a run")
    return value


class StudyRun(Part):
    """A run that the study asks for."""

    id: Annotated[str, AfterValidator(_run_id)]
    cell: dict[str, Value]
    seed: int


class ExcludedCell(Part):
    """A cell that was left out, and why."""

    cell: dict[str, Value]
    because: str


class MergedCells(Part):
    """Cells that are one network with one training, and why: their runs have the same ids."""

    cells: list[dict[str, Value]]
    because: str


class IdleFields(Part):
    """A cell, and those of its fields that have no effect there."""

    cell: dict[str, Value]
    fields: list[str]


class SearchSource(Part):
    """Where the winners of a tuned study come from.

    Attributes:
        storage: as it may be printed; None for the journal next to the records.
        trials: of each arm.
        studies: name of each arm's study in the storage.
    """

    storage: str | None = None
    trials: int = 0
    studies: list[str] = Field(default_factory=list)


class LateClaim(Part):
    """A claim that was first stated, or last changed in more than its words, when runs of the study had ended.

    Attributes:
        claim: what it states, as `Claim.statement` has it.
        recorded, runs: how many runs had a result then, of how many.
    """

    claim: str
    recorded: int
    runs: int


Spend = Literal["pocock", "obrien_fleming"]
SPENDING: tuple[Spend, ...] = get_args(Spend)


class Looks(Part):
    """A plan to judge claims at several numbers of seeds, so that the chance of a false verdict keeps to its level.

    Attributes:
        sizes: seeds of each cell at each look, rising; the last is the most that are trained.
        spend: how the level is spent on the looks: evenly (Pocock) or hardly any early (O'Brien and Fleming).
    """

    sizes: list[Annotated[int, Field(ge=2)]]
    spend: Spend


class Story(Part):
    """Where a study stands among others, on the page that leads to all of them.

    Attributes:
        chapter: the heading above it; chapters come in the order of their first studies.
        place: in the order of all studies; those without one come last.
        page: the name of the page that it shares with studies that put the same question to other data.
    """

    chapter: str = ""
    place: Number | None = None
    page: Annotated[str, AfterValidator(lambda value: value and _study_name(value))] = ""


Family = Literal["claim", "study"]
Words = str | dict[str, str]  # the name of a field, a form such as "{} layers", or a label for each of its values


class Confirmation(Part):
    """The cell that was chosen to reach the target, and its runs on fresh seeds, which judge it. It never changes.

    Attributes:
        cell: the cheapest whose mean reached the target.
        test_accuracy: the target, as a fraction.
        chosen_on: the seeds that chose the cell.
        runs: on other seeds; they are no part of the grid.
    """

    cell: dict[str, Value]
    test_accuracy: Annotated[float, Field(ge=0, le=1), AS_GIVEN]
    chosen_on: list[int]
    runs: list[StudyRun]


_METRICS = TypeAdapter(list[Metric])


class StudyFile(Part):
    """The question of a study.

    Attributes:
        file, overrides: of the command that ran it.
        about: the comment that opens the grid file.
        axes: dotted paths that span the cells; None where that is not known.
        runs: of every cell, in the order of the grid; an id stands in all cells that are the same training.
        merged: the cells of which that is so, where the grid says why.
        idle: the axes that do not act in a cell.
        search: of a study whose winners come from `resbench tune`.
        stated: since when claims, target and seeds are what they are; of files of earlier versions that is not known.
        late: the claims that were stated after results; of claims in files of earlier versions that is not known.
        family: what is judged together at one level: the comparisons of each claim, or those of all claims.
        labels: what fields and values are called on pages, where the grid file says it.
        plugins: Python files that extend resbench, as the grid file names them.
        metrics: of the study's own, beyond those of every run.
        story: its place among the other studies, where the grid file says it.
        looks: at which numbers of seeds the claims are judged; None where that was not planned.
        confirmation: of the target; None where none is planned, or nothing is chosen yet.
    """

    schema_version: int = Field(default=1, alias="schema")
    name: Annotated[str, AfterValidator(_study_name)] | None = None
    file: str = ""
    about: Annotated[str, BeforeValidator(lambda value: value or "")] = ""
    overrides: Annotated[list[str], NULL_IS_EMPTY] = Field(default_factory=list)
    axes: list[str] | None = None
    baseline: Annotated[dict[str, Value], BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default_factory=dict
    )
    published: Annotated[list[Published], NULL_IS_EMPTY] = Field(default_factory=list)
    theory: list[Prediction] = Field(default_factory=list)
    claims: Annotated[list[Claim], NULL_IS_EMPTY] = Field(default_factory=list)
    target: Target | None = None
    probes: list[str] = Field(default_factory=list)
    runs: list[StudyRun]
    excluded: Annotated[list[ExcludedCell], NULL_IS_EMPTY] = Field(default_factory=list)
    merged: Annotated[list[MergedCells], NULL_IS_EMPTY] = Field(default_factory=list)
    idle: Annotated[list[IdleFields], NULL_IS_EMPTY] = Field(default_factory=list)
    command: Literal["run", "tune"] = "run"
    search: SearchSource | None = None
    stated: dict[str, list[Statement]] = Field(default_factory=dict)
    late: Annotated[list[LateClaim], NULL_IS_EMPTY] = Field(default_factory=list)
    family: Family = "claim"
    labels: dict[str, Words] = Field(default_factory=dict)
    story: Story | None = None
    plugins: list[str] = Field(default_factory=list)
    metrics: list[Metric] = Field(default_factory=list)
    looks: Looks | None = None
    confirmation: Confirmation | None = None

    @model_validator(mode="before")
    @classmethod
    def _know_metrics(cls, values: Any) -> Any:
        """Before the claims are read, which may be made on them."""
        if isinstance(values, dict) and values.get("metrics"):
            metrics = _METRICS.validate_python(values["metrics"])
            add_metrics(row for row in metrics if not is_built_in(row.name))  # a later version may have one by itself
            return values | {"metrics": metrics}
        return values

    def late_claim(self, claim: Claim) -> LateClaim | None:
        """The note on a claim that was stated after results, if it was."""
        return next((late for late in self.late if late.claim == claim.statement()), None)

    def confirmed_as(self, before: StudyFile) -> StudyFile:
        """This study with the cell that the study file before has chosen: a choice that was made is never made again.

        A grid of the same axes that asks for none of the runs before is another question.
        """
        chosen = before.confirmation
        if chosen is None or self.confirmation is not None or set(chosen.cell) != set(self.axes or ()):
            return self
        shared = not {run.id for run in before.runs}.isdisjoint(run.id for run in self.runs)
        return self.model_copy(update={"confirmation": chosen}) if shared else self

    def parts(self, axes: list[str] | None) -> dict[str, str]:
        """What must not follow from results, each as text that differs where it does; empty where there is none.

        Args:
            axes: as for `Claim.statement`.
        """
        claims = [
            *sorted(claim.statement(axes) for claim in self.claims),
            *(["study"] if self.family == "study" else []),
        ]
        target = self.target.model_dump(mode="json", exclude={"source"}) if self.target else None
        seeds = self.looks.to_json() if self.looks else sorted({run.seed for run in self.runs})
        found = {"claims": claims, "target": target, "seeds": seeds}
        return {kind: json.dumps(said, sort_keys=True) if said else "" for kind, said in found.items()}

    def succeeding(self, before: StudyFile | None, ended: Set[str], time: str) -> StudyFile:
        """This study with notes on when its parts were stated, and on the claims that the study file before did not state.

        Args:
            before: the study file that this one replaces, if there is one.
            ended: ids of the runs that have results.
            time: now.
        """
        recorded = sum(run.id in ended for run in self.runs)
        axes = before.axes if before else None
        now = Statement(time=time, sha256="", recorded=recorded, runs=len(self.runs))
        said = before.parts(axes) if before else {}
        stated = histories(before.stated if before else {}, said, self.parts(axes), self.parts(None), now)
        noted = self.model_copy(update={"stated": stated}) if stated else self
        return noted._with_late(before, recorded) if before else noted

    def _with_late(self, before: StudyFile, recorded: int) -> StudyFile:
        """This study with notes on the claims that the study file before did not state."""
        stated = {claim.statement(before.axes): before.late_claim(claim) for claim in before.claims}
        late = []
        for claim in self.claims:
            statement = claim.statement()
            key = claim.statement(before.axes)
            if note := stated.get(key):
                late.append(note.model_copy(update={"claim": statement}))
            elif recorded and key not in stated:
                late.append(LateClaim(claim=statement, recorded=recorded, runs=len(self.runs)))
        return self.model_copy(update={"late": late}) if late else self

    def of_one_plan(self, other: StudyFile) -> bool:
        """Whether both have one plan of looks for the same cells, however far each has come."""
        ours, theirs = (
            {(repr(sorted(run.cell.items())), run.seed): run.id for run in one.runs} for one in (self, other)
        )
        cells = ({cell for cell, _ in runs} for runs in (ours, theirs))
        same = all(theirs.get(key, run_id) == run_id for key, run_id in ours.items())
        return self.looks is not None and self.looks == other.looks and same and next(cells) == next(cells)

    @model_validator(mode="after")
    def _whole_claims(self) -> StudyFile:
        """Claims have no defaults here, and their axes are known."""
        for claim in self.claims:
            missing = [key for key in ("at", "on", "margin") if key not in claim.model_fields_set]
            if missing:
                raise refuse("claims", f"claims: {claim.says!r}: without {' and '.join(missing)}")
            for path in (*claim.at, *claim.between):
                if self.axes is not None and path not in self.axes:
                    raise refuse(
                        "claims.at" if path in claim.at else "claims.between", f"{path!r} is not an axis of the study"
                    )
        return self
