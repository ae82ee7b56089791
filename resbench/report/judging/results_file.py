"""Files of results: a row for each seed, or for each seed and test image, as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import sanitise

SEED, IMAGE, IMAGES, WRONG, CORRECT = "seed", "image", "images", "wrong", "correct"
_NO_METRICS = (SEED, IMAGE, IMAGES, WRONG, CORRECT)
_LOST = ("diverged", "nan", "inf", "-inf", "+inf", "infinity", "-infinity")  # of a run that did not train
_FORMS = ".csv, .tsv, .json, .jsonl or .parquet"


@dataclass(frozen=True)
class Row:
    """A row of a file.

    Attributes:
        where: the file and the place of the row, for messages.
    """

    where: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class SeedResult:
    """What a file says of one seed.

    Attributes:
        metrics: those that it has; NaN where the run did not train.
        wrong: the test images that it gets wrong; None where that is not given.
        images: how many images were tested; 0 where that is not known.
    """

    seed: int
    where: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    wrong: Sequence[int] | None = None
    images: int = 0


@dataclass(frozen=True)
class ResultsFile:
    """The runs of a file, by seed.

    Attributes:
        metrics: the columns of numbers.
        images: the numbers of the test images; none unless it says which of them each run gets wrong.
    """

    path: Path
    runs: Sequence[SeedResult]
    metrics: Sequence[str]
    images: Sequence[int] = ()


def read_results(path: Path) -> ResultsFile:
    """The runs of a file.

    Raises:
        UserError: it cannot be read, or is not a file of results; one line for each mistake.
    """
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path}: no rows: it needs a column {SEED} and at least one column of numbers")
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    if SEED not in columns:
        hint = suggestion(SEED, columns)
        raise UserError(
            f"{path}: no column {SEED}{hint}; its columns are {', '.join(columns)}: name the seed of each run"
        )
    if IMAGE in columns:
        return _by_image(path, rows)
    metrics = [name for name in columns if name not in _NO_METRICS and _is_metric(rows, name)]
    runs = [_run(row, metrics) for row in rows]
    _check_once(path, runs)
    if not metrics and WRONG not in columns:
        raise UserError(f"{path}: no column of numbers next to {SEED}{_first_bad(rows, columns)}")
    return ResultsFile(path, sorted(runs, key=lambda run: run.seed), metrics, _tested(path, runs))


def _rows(path: Path) -> list[Row]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: should be a file of results whose name ends in {_FORMS}")
    try:
        rows = [Row(row.where, {sanitise(name): value for name, value in row.values.items()}) for row in reader(path)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: cannot be read: not UTF-8 text") from None
    return rows


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        try:
            reader = csv.DictReader(file, delimiter=max(",;\t", key=head.count), strict=True)
            for values in reader:
                where = f"{path}:{reader.line_num}"
                if None in values or None in values.values():
                    count = len(reader.fieldnames or ())
                    raise UserError(f"{where}: not {count} values, as many as the first line has names")
                yield Row(where, {str(name).strip(): str(value).strip() for name, value in values.items()})
        except csv.Error as error:
            raise UserError(f"{path}: not CSV: {error}") from None


def _read_json(path: Path) -> Iterator[Row]:
    text = path.read_text(encoding="utf-8-sig")
    lines = path.suffix.lower() == ".jsonl"
    try:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if isinstance(rows, dict) and all(isinstance(column, list) for column in rows.values()):
        if len({len(column) for column in rows.values()}) > 1:
            raise UserError(f"{path}: its lists have different lengths: each name needs a value for each run")
        rows = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f'{path}: should be a list of runs, such as [{{"seed": 0, "loss": 0.31}}, ...]')
    yield from (Row(f"{path}: run {number}", row) for number, row in enumerate(rows, 1))


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow.lib import ArrowException
        from pyarrow.parquet import read_table
    except ImportError:
        raise UserError(f"{path}: Parquet is read by pyarrow, which is not installed: pip install pyarrow") from None
    try:
        rows = read_table(path).to_pylist()
    except ArrowException as error:
        raise UserError(f"{path}: not Parquet: {error}") from None
    yield from (Row(f"{path}: row {number}", row) for number, row in enumerate(rows, 1))


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
}


def _run(row: Row, metrics: Sequence[str]) -> SeedResult:
    seed, images, wrong = _whole(row, SEED), _images(row), row.values.get(WRONG)
    numbers = {name: value for name in metrics if (value := number(row.values.get(name))) is not None}
    if wrong is None:
        return SeedResult(seed, row.where, numbers, None, images)
    if not images:
        raise UserError(f"{row.where}: {WRONG} without {IMAGES}: add a column {IMAGES}, the number of test images")
    return SeedResult(seed, row.where, numbers, _wrong(row, wrong, images), images)


def _tested(path: Path, runs: Sequence[SeedResult]) -> Sequence[int]:
    """The numbers of the test images of runs that say which of them they get wrong."""
    told = [run.wrong is not None for run in runs]
    counts = {run.images for run in runs if run.wrong is not None}
    if any(told) and not all(told):
        raise UserError(f"{path}: {WRONG} is given of {sum(told)} of {len(told)} runs: give it of all, or of none")
    if len(counts) > 1:
        raise UserError(
            f"{path}: {IMAGES} differs between runs ({', '.join(map(str, sorted(counts)))}): test on the same"
        )
    return range(counts.pop()) if counts else ()


def _images(row: Row) -> int:
    if row.values.get(IMAGES) in ("", None):
        return 0
    images = _whole(row, IMAGES)
    if not 0 < images <= 10_000_000:
        raise UserError(f"{row.where}: {IMAGES} {images}: should be the number of test images, from 1 to 10,000,000")
    return images


def _wrong(row: Row, given: Any, images: int) -> list[int]:
    """The numbers of the images that a run gets wrong."""
    items = given if isinstance(given, list) else str(given).replace(";", " ").replace(",", " ").split()
    try:
        wrong = sorted(int(item) for item in items)
    except (TypeError, ValueError):
        raise UserError(f"{row.where}: {WRONG}: {given!r} should be numbers of images, such as 3 17 204") from None
    if len(set(wrong)) < len(wrong) or (wrong and not 0 <= wrong[0] <= wrong[-1] < images):
        raise UserError(f"{row.where}: {WRONG}: each image once, from 0 to {images - 1}, as there are {images} images")
    return wrong


def _by_image(path: Path, rows: Sequence[Row]) -> ResultsFile:
    """The runs of a file that has a row for each seed and image."""
    name = next((name for name in (WRONG, CORRECT) if name in rows[0].values), "")
    if not name:
        raise UserError(f"{path}: a column {IMAGE} needs a column {WRONG} or {CORRECT} next to it, of 0 and 1")
    seen: dict[int, dict[int, bool]] = {}
    for row in rows:
        seed, image = _whole(row, SEED), _whole(row, IMAGE)
        if image in seen.setdefault(seed, {}):
            raise UserError(f"{row.where}: image {image} of seed {seed} stands there twice")
        seen[seed][image] = _truth(row, name) == (name == WRONG)
    numbers = sorted(next(iter(seen.values())))
    others = [seed for seed, images in seen.items() if sorted(images) != numbers]
    if others:
        raise UserError(f"{path}: seed {others[0]} has other images than the first seed: each seed needs all of them")
    places = {image: place for place, image in enumerate(numbers)}
    runs = [
        SeedResult(
            seed, f"{path}: seed {seed}", {}, [places[image] for image in numbers if images[image]], len(numbers)
        )
        for seed, images in sorted(seen.items())
    ]
    return ResultsFile(path, runs, [], numbers)


def _truth(row: Row, name: str) -> bool:
    given = str(row.values.get(name)).lower()
    if given not in ("0", "1", "true", "false", "0.0", "1.0"):
        raise UserError(f"{row.where}: {name}: {given!r} should be 0 or 1")
    return given in ("1", "true", "1.0")


def _whole(row: Row, name: str) -> int:
    given = row.values.get(name)
    value = number(given)
    if value is None or not value.is_integer() or not 0 <= value < 2**63:
        raise UserError(f"{row.where}: {name}: {given!r} should be a whole number of at least 0")
    return int(value)


def number(given: Any) -> float | None:
    """A number; NaN where it says that a run did not train, None where it is none."""
    if isinstance(given, str) and given.strip().lower() in _LOST:
        return math.nan
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        value = float(given)
    except ValueError:
        return None
    return value if math.isfinite(value) else math.nan


def _is_metric(rows: Sequence[Row], name: str) -> bool:
    given = [value for row in rows if (value := row.values.get(name)) not in ("", None)]
    return bool(given) and all(number(value) is not None for value in given)


def _first_bad(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The first value that keeps a column from being one of numbers."""
    for row in rows:
        for name in columns:
            value = row.values.get(name)
            if name not in _NO_METRICS and value not in ("", None) and number(value) is None:
                return f": {row.where}: {name} is {value!r}"
    return ""


def _check_once(path: Path, runs: Sequence[SeedResult]) -> None:
    first: dict[int, SeedResult] = {}
    for run in runs:
        if other := first.get(run.seed):
            raise UserError(
                f"{run.where}: seed {run.seed} stands on {other.where.rpartition(':')[2].strip()} too: one row for each "
                f"seed, that of its end; with a row for each test image, add the column {IMAGE}"
            )
        first[run.seed] = run
