"""Print the versions of uv.lock as constraints, so that pip and uv install the same ones: with a torch of any build."""

from __future__ import annotations

import tomllib
from pathlib import Path


def constraints() -> list[str]:
    """`name==version`, and where it holds if Python or the system decide."""
    lock = tomllib.loads((Path(__file__).parents[1] / "uv.lock").read_text(encoding="utf-8"))
    lines = []
    for package in lock["package"]:
        if "registry" in package["source"]:  # all but resbench itself
            line = f"{package['name']}=={package['version']}"
            lines += [f"{line} ; {where}" for where in package.get("resolution-markers", [])] or [line]
    return lines


if __name__ == "__main__":
    print(*constraints(), sep="\n")
