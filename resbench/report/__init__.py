"""From records to a page: tables, figures, and sentences as careful as the data. Never imports torch."""

import sys
from pathlib import Path
from types import ModuleType

from resbench.report import api
from resbench.report.check import check, compare
from resbench.report.page.index_page import write_index
from resbench.report.page.study_page import costs, summary
from resbench.report.page.write_page import write

__all__ = ["check", "compare", "costs", "summary", "write", "write_index"]


class _Callable(ModuleType):
    """Makes `resbench.report("depth")` work: the public function has the name of this package."""

    def __call__(
        self, study: str | api.Named, results: str | Path = "results", reports: str | Path | None = None
    ) -> Path:
        return api.report(study, results, reports)


sys.modules[__name__].__class__ = _Callable
