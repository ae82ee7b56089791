"""From records to a page: tables, figures, and sentences as careful as the data. Never imports torch."""

from resbench.report.check import check, compare
from resbench.report.goals import write_goals
from resbench.report.page.index_page import write_index
from resbench.report.page.study_page import costs, summary, write

__all__ = ["check", "compare", "costs", "summary", "write", "write_goals", "write_index"]
