"""C4: the same runs twice, side by side and alone, and in each other way of computing them: equal bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..rows import Row
from ..setting import Setting, contents, differences, last_line, statuses
from ..ways import ways

_RUNS = """base:
  model: {{depth: 10, width: {width}}}
  data: {{train_size: {images}, val_size: 100, augment: shift}}
  recipe: {{epochs: 3, batch_size: 64, lr: 0.05}}
zip:
  - model.dropout: [0.2, 0.0, 0.0, 0.0]
    model.head: [gap, max_linear, gap, gap]
    model.norm: [batch, batch, group, batch]
    model.drop_path: [0.0, 0.0, 0.0, 0.3]
"""


def check(setting: Setting) -> Iterator[Row]:
    sizes = {"width": 4, "images": 160} if setting.small else {"width": 16, "images": 2000}
    grid = setting.grid("bits", _RUNS.format(**sizes))
    alone, row = _pass(setting, grid, "alone", "-j", "1")
    yield row
    together, row = _pass(setting, grid, "together", "-j", "2" if setting.small else "4")
    yield row
    yield _equal("four runs alone and side by side", alone, together)
    for name, options in ways(setting.small):
        found, row = _pass(setting, grid, name.replace(" ", "-"), "-j", "1", *options)
        yield row
        yield _equal(f"four runs as before and with {name}", alone, found)


def _pass(setting: Setting, grid: Path, results: str, *options: str) -> tuple[dict[str, object], Row]:
    """The content of all records, and whether all runs have one that is ok."""
    done = setting.run(grid, results, "--threads", "1", *options)
    records = setting.store(grid, results).records()
    good = done.returncode == 0 and [record.status for record in records] == ["ok"] * 4
    told = statuses(records) + ("" if good else f": {last_line(done)}")
    return contents(setting.store(grid, results)), Row(f"runs {results}", told, ok=good)


def _equal(what: str, left: dict[str, object], right: dict[str, object]) -> Row:
    unequal = differences(left, right)
    told = f"differ in {', '.join(unequal)}" if unequal else "equal bit for bit"
    return Row(what, told, ok=bool(left) and not unequal)
