"""The page on what runs leave: records, study files, searches, looks, and the metrics in them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Iterator, Sequence

from pydantic import BaseModel

from resbench.core.docstrings import docstring
from resbench.documentation.markdown import MADE, code, page, paragraphs, prose, table
from resbench.documentation.types import plain_type, words
from resbench.records.circumstances import CIRCUMSTANCES
from resbench.records.claim import Claim, Published, Target
from resbench.records.curve import Curve
from resbench.records.facts import Predictions, RunError
from resbench.records.looks_file import LooksFile
from resbench.records.metrics import METRICS, Metric, is_built_in
from resbench.records.numbers import NUMBERS
from resbench.records.record import STATUSES, Record
from resbench.records.study_file import StudyFile
from resbench.records.theory import Prediction
from resbench.records.trials import TrialsFile
from resbench.report.format import capitalised

_PLACES = (
    ("`results/STUDY/RUN.json`", "a record, [one for each run](#record); written once, whole or not at all"),
    ("`results/STUDY/study.json`", "[the question](#studyjson): what was claimed, and which runs answer it"),
    ("`results/STUDY/trials.json`", "[the trials](#trialsjson) of a search, with the winner of each arm"),
    ("`results/STUDY/looks.json`", "[when verdicts were read](#looksjson)"),
    (
        "`results/STUDY/pictures.json`",
        "the test images that most runs get wrong, where a page was written with its data",
    ),
    ("`results/STUDY/bench/`", "measurements of cost, as records of the kind `bench`"),
    ("`results/STUDY/weights/`", "weights, where `--save-weights` saved them, as safetensors"),
    ("`results/STUDY/.work/`", "what running commands need: locks, checkpoints, logs; no part of the results"),
)
_FILES: dict[str, type[BaseModel]] = {"study.json": StudyFile, "trials.json": TrialsFile, "looks.json": LooksFile}
_OF_GRID_FILES = {Claim: "claims", Published: "published", Prediction: "theory", Target: "target", Metric: "metrics"}
_STATUS = {
    "ok": "trained and tested",
    "diverged": "the loss is no longer finite: a result, counted and never averaged with others",
    "failed": "no result: `error` says why, and the next `resbench run` tries it again",
}


_NUMBERS = {
    "metrics": "The `metrics` of a record have those of claims, what probes leave, and these:",
    "history": "Each row of its `history` has these:",
    "bench": "A measurement of cost, by `resbench bench`, has `parameters`, `flops`, `peak_memory` and these:",
}


def records_page() -> str:
    """All files below `results/`, and the names in them."""
    return page(
        "Records",
        [f"What each run leaves on the disk, and what the names and units in it are. {MADE}", ""],
        table(["file", "what it has"], _PLACES),
        [
            'The files in JSON have one entry a line, and are safe in git. From Python, `resbench.load("results/STUDY")` has a row '
            "for each record; `resbench export STUDY --to csv` writes records as tables.",
            "",
        ],
        _record(),
        _metrics(),
        *(_file(name, model, _parts_before(name)) for name, model in _FILES.items()),
    )


def _record() -> Iterator[str]:
    yield from ["## Record", ""]
    yield from paragraphs(
        "The last entry of the file, `sha256`, is the SHA-256 of the lines before it: "
        "`head -n -2 RECORD.json | sha256sum` gives the same digits."
    )
    hints = typing.get_type_hints(Record)
    yield from _rows(Record, [(field.name, words(hints[field.name])) for field in dataclasses.fields(Record)])
    yield from table(["status", "meaning"], ([code(status), _STATUS[status]] for status in STATUSES))
    for part in (Predictions, RunError, Curve):
        yield from [f"### {part.__name__}", ""]
        yield from paragraphs(docstring(part).text)
        hints = typing.get_type_hints(part)
        yield from _rows(part, [(field.name, words(hints[field.name])) for field in dataclasses.fields(part)])
    yield from [
        "### Provenance",
        "",
        "Where and with what the run was trained. Of these facts pages say where they differ:",
        "",
    ]
    yield from table(["fact", "what it is"], ([code(one.path), one.name] for one in CIRCUMSTANCES))


def _rows(of: object, fields: Sequence[tuple[str, str]]) -> list[str]:
    said = docstring(of).names
    return table(
        ["name", "type", "meaning"],
        ([code(name), kind, capitalised(prose(said.get(name, "")))] for name, kind in fields),
    )


def _metrics() -> Iterator[str]:
    yield from ["## Metrics of claims", "", "On each of them a claim can be made: `on: NAME`.", ""]
    yield from table(
        ["name", "on pages", "better", "unit", "of the probe", "meaning"],
        (
            [code(one.name), one.words, one.better, _unit(one), code(one.probe), prose(one.about)]
            for one in METRICS.values()
            if is_built_in(one.name)
        ),
    )
    yield from ["## Other numbers", ""]
    for place, heading in _NUMBERS.items():
        rows = ([code(one.name), one.unit, prose(one.about)] for one in NUMBERS if one.place == place)
        yield from [heading, "", *table(["name", "unit", "meaning"], rows)]


def _unit(metric: Metric) -> str:
    return "share, 0 to 1; margins in points" if metric.proportion else "number"


def _file(name: str, model: type[BaseModel], known: Collection[type]) -> Iterator[str]:
    """A file and every kind of entry in it that no file before had; those of a grid file are explained on its page."""
    yield from [f"## {name}", ""]
    yield from paragraphs(docstring(model).text)
    yield from _model(model)
    for part in _parts(model):
        if part in known:
            continue
        yield from [f"### {part.__name__}", ""]
        yield from paragraphs(docstring(part).text)
        if part in _OF_GRID_FILES:
            yield from [f"Its entries are those of [a grid file](grid-file.md#{_OF_GRID_FILES[part]}).", ""]
        elif issubclass(part, BaseModel):
            yield from _model(part)


def _parts_before(name: str) -> set[type]:
    """The kinds of entries of the files before this one."""
    before = list(_FILES)[: list(_FILES).index(name)]
    return {part for file in before for part in _parts(_FILES[file])}


def _model(model: type[BaseModel]) -> list[str]:
    return _rows(model, [(info.alias or name, plain_type(info)) for name, info in model.model_fields.items()])


def _parts(model: type[BaseModel]) -> list[type]:
    """The models inside a model, in the order of their first use."""
    found: dict[type, None] = {}
    for info in model.model_fields.values():
        for kind in _inside(info.annotation):
            found.setdefault(kind)
            if issubclass(kind, BaseModel):
                found |= dict.fromkeys(_parts(kind))
    return list(found)


def _inside(kind: object) -> Iterator[type]:
    if isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)):
        yield kind
    for argument in typing.get_args(kind):
        yield from _inside(argument)
