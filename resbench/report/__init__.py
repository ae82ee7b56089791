"""From records to a page: tables, figures, and sentences as careful as the data. Never imports torch."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resbench.report import api
    from resbench.report.page.index_page import write_index
    from resbench.report.page.study_page import costs
    from resbench.report.page.write_page import write

__all__ = ["costs", "write", "write_index"]
_MODULES = {
    "costs": "page.study_page",
    "write": "page.write_page",
    "write_index": "page.index_page",
}


class _Callable(ModuleType):
    """Makes `resbench.report("depth")` work: the public function has the name of this package."""

    def __call__(
        self, study: "str | api.Named", results: str | Path = "results", reports: str | Path | None = None
    ) -> Path:
        from resbench.report import api

        return api.report(study, results, reports)

    def __getattr__(self, name: str) -> Any:
        """Import on first use: what reads one file of this wing must not wait for all of it."""
        if name not in _MODULES:
            raise AttributeError(f"module 'resbench.report' has no attribute {name!r}")
        return getattr(importlib.import_module(f"resbench.report.{_MODULES[name]}"), name)


sys.modules[__name__].__class__ = _Callable
