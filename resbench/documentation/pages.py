"""All reference pages, by file name."""

from __future__ import annotations

from resbench.documentation.command_line import command_line_page
from resbench.documentation.grid_file import grid_file_page, search_file_page
from resbench.documentation.python import python_page
from resbench.documentation.records import records_page


def pages() -> dict[str, str]:
    """File name -> Markdown."""
    return {
        "grid-file.md": grid_file_page(),
        "search-file.md": search_file_page(),
        "command-line.md": command_line_page(),
        "records.md": records_page(),
        "python.md": python_page(),
    }
