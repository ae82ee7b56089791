"""The frames of a study as files: its runs, their epochs, and their test images."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from resbench.core.files import replace
from resbench.core.text import show
from resbench.records.store import Store
from resbench.report.csv_text import csv_text
from resbench.report.long_frames import history, predictions


def to_csv(store: Store, out: Path, all: bool) -> list[Path]:
    """Write `runs.csv`, `history.csv` and `predictions.csv`; returns the files."""
    return _write(store, out, all, "csv", lambda frame: csv_text(frame).encode())


def to_parquet(store: Store, out: Path, all: bool) -> list[Path]:
    """The same as Parquet."""
    return _write(store, out, all, "parquet", _parquet)


def _write(store: Store, out: Path, all: bool, ending: str, content: Callable[[pd.DataFrame], bytes]) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    frames = {
        "runs": store.frame(all),
        "history": history(store.folder.absolute(), all=all),
        "predictions": predictions(store.folder.absolute(), all=all),
    }
    paths = [out / f"{name}.{ending}" for name in frames]
    for path, frame in zip(paths, frames.values(), strict=True):
        replace(path, content(frame), out)
    return paths


def _parquet(frame: pd.DataFrame) -> bytes:
    """A column of values of several types, or of lists, becomes text: Parquet has one type a column."""
    frame = frame.copy(deep=False)
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name].dtype) and not _of_one_type(frame[name]):
            frame[name] = [None if _absent(value) else show(value) for value in frame[name]]
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _of_one_type(column: pd.Series[Any]) -> bool:
    kinds = {type(value) for value in column if not _absent(value)}
    return len(kinds) <= 1 and not kinds & {list, dict}


def _absent(value: Any) -> bool:
    return value is None or value != value  # NaN, where a record lacks the setting
