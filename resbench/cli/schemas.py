"""The schemas of what `--json` prints: `schemas.json`, which is made from the types of the documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS = Path(__file__).with_name("schemas.json")


def published() -> dict[str, Any]:
    """The schema of each command, by the command, as JSON Schema."""
    schemas: dict[str, Any] = json.loads(SCHEMAS.read_text(encoding="utf-8"))
    return schemas


def generated() -> dict[str, Any]:
    """The same from the types; `python -m resbench.cli.schemas` writes them into the file."""
    from resbench.cli.lists import AxesOutput, DatasetsOutput, GridsOutput, ProbesOutput, RunsOutput, StudiesOutput
    from resbench.cli.study_status import StatusOutput
    from resbench.core.output import Output
    from resbench.execution.plan_output import PlanOutput
    from resbench.report.outputs.studies import CheckOutput, CompareOutput, JudgeOutput, RunOutput, ShowOutput

    documents: tuple[type[Output], ...] = (
        PlanOutput,
        StatusOutput,
        ShowOutput,
        RunOutput,
        CheckOutput,
        CompareOutput,
        JudgeOutput,
        AxesOutput,
        DatasetsOutput,
        ProbesOutput,
        GridsOutput,
        StudiesOutput,
        RunsOutput,
    )
    return {
        one.model_fields["command"].default: {"$schema": _DIALECT, **one.model_json_schema(mode="serialization")}
        for one in documents
    }


if __name__ == "__main__":
    SCHEMAS.write_text(json.dumps(generated(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
