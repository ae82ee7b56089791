"""What `--json` prints: one document, of a schema that is published."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from resbench.core.text import sanitise


def _finite(value: Any) -> Any:
    """A number in ten digits, or None where it is none: JSON has neither NaN nor infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.10g}")


Finite = Annotated[float | None, BeforeValidator(_finite)]


class OutputPart(BaseModel):
    """A part of a document. What is not known is null."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Output(OutputPart):
    """A whole document.

    Attributes:
        schema: rises when a key goes, or means something else.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")

    def text(self) -> str:
        """The document, without what a terminal obeys."""
        content = sanitise(self.model_dump(mode="json", by_alias=True))
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
