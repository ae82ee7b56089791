"""What `study.json` and `trials.json` may hold: the report relies on it, and anybody may have written them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from resbench.core.config import one_of, refuse
from resbench.core.text import RULE, is_name, is_run_id
from resbench.records.claim import EXPECTATIONS, METRICS
from resbench.records.record import check_depth, read_json

Number = Annotated[float, Field(gt=-1e300, lt=1e300)]


class _Part(BaseModel):
    """Types are strict; keys that are not known here are kept for a later version."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


def _checked(value: str, right: bool, told: str) -> str:
    if not right:
        raise refuse("", f"{value!r} is not {told}")
    return value


StudyName = Annotated[str, AfterValidator(lambda value: _checked(value, is_name(value), f"a name: {RULE}"))]
RunId = Annotated[str, AfterValidator(lambda value: _checked(value, is_run_id(value), "the id of a run"))]
Cell = dict[str, Any]


class _Run(_Part):
    id: RunId
    cell: Cell
    seed: int


class _Claim(_Part):
    says: str
    compare: Cell
    to: Cell
    at: dict[str, list[Any] | None]
    on: Annotated[str, one_of(METRICS)]
    expect: Annotated[str, one_of(EXPECTATIONS)]
    margin: Annotated[float, Field(ge=0, lt=1e12)]
    source: str = ""


class _Published(_Part):
    source: str
    on: Annotated[str, one_of(METRICS)]
    at: Cell
    value: Number
    runs: Annotated[int, Field(ge=1)] = 1
    differs: str | None = None


class _Target(_Part):
    test_accuracy: Annotated[float, Field(ge=0, le=1)]
    training_flops: Annotated[Number, Field(gt=0)] | None = None
    source: str = ""


class _Excluded(_Part):
    cell: Cell
    because: str


class _Study(_Part):
    runs: list[_Run]
    name: StudyName | None = None
    file: str = ""
    about: str | None = ""
    overrides: list[str] | None = None
    command: Literal["run", "tune"] = "run"
    axes: list[str] | None = None
    baseline: Cell | None = None
    published: list[_Published] | None = None
    claims: list[_Claim] | None = None
    target: _Target | None = None
    excluded: list[_Excluded] | None = None
    probes: list[str] = []

    @model_validator(mode="after")
    def _axes_of_claims(self) -> _Study:
        for claim in self.claims or []:
            for path in claim.at:
                if self.axes is not None and path not in self.axes:
                    raise refuse("claims.at", f"{path!r} is not an axis of the study")
        return self


class _Space(_Part):
    low: Number | None = None
    high: Number | None = None
    log: bool | None = None
    step: Number | None = None
    choices: list[Any] | None = None


class _Arm(_Part):
    label: str
    winner: int | None
    tuned: Cell | None
    untuned: Cell
    importance: dict[str, Number] | None


class _Trial(_Part):
    arm: str
    number: int
    state: str
    error: Number | None
    params: Cell
    epochs: int
    seconds: Number
    message: str


class _Trials(_Part):
    sampler: str
    pruner: str
    trials: int
    seeds: int
    space: dict[str, _Space]
    importance: str
    arms: list[_Arm]
    rows: list[_Trial]


def read_study(path: Path) -> dict[str, Any]:
    """What stands in a `study.json`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, and how.
    """
    return _read(path, _Study)


def read_trials(path: Path) -> dict[str, Any]:
    """What stands in a `trials.json`; raises as `read_study`."""
    return _read(path, _Trials)


def _read(path: Path, kind: type[_Part]) -> dict[str, Any]:
    found = read_json(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    check_depth(found, "content")
    try:
        kind.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    return found
