"""Write the reference pages into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from resbench.documentation.pages import pages


def main() -> None:
    """Write every page that differs, and name it."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m resbench.documentation FOLDER, such as docs/reference")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(file)


main()
