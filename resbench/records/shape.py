"""The shape of a record that its readers rely on: anybody may have written the file."""

from __future__ import annotations

import re
from typing import cast

from resbench.core.json_reader import Json, check_depth

_SHAPE = {"config": dict, "metrics": dict, "history": list, "provenance": dict, "probes": dict, "curve": dict}
_MAX_NUMBER = 1e300
_MAX_IMAGES = 10_000_000
_WRONG = re.compile(r"[0-9]{1,8}(:[0-9]{1,8})?( [0-9]{1,8}(:[0-9]{1,8})?)*+", re.ASCII)
_INDEX = re.compile(r"(?:^| )([0-9]+)")


def check_shape(values: dict[str, Json]) -> None:
    """Refuse a record with parts that cannot be read as what they are.

    Raises:
        ValueError: which part, and why.
    """
    for key, kind in _SHAPE.items():
        if not isinstance(values.get(key, kind()), kind):
            raise ValueError(f"whose {key} is no {'list' if kind is list else 'mapping'}")
    if not isinstance(values.get("error") or {}, dict):
        raise ValueError("whose error is no mapping")
    for key in ("weights_sha256", "kind", "run"):
        if not isinstance(values.get(key), str | None):
            raise ValueError(f"whose {key} is no text")
    config = cast("dict[str, Json]", values["config"])
    if not all(isinstance(config.get(section, {}), dict) for section in ("model", "data", "recipe")):
        raise ValueError("whose config has a section that is no mapping")
    for row in (values["metrics"], *cast("list[Json]", values["history"])):
        if not isinstance(row, dict):
            raise ValueError("whose history holds what is no mapping")
        for name, value in row.items():
            if value is not None and not (isinstance(value, int | float) and -_MAX_NUMBER < value < _MAX_NUMBER):
                raise ValueError(f"whose {name[:60]!r} is no number")
    for result in cast("dict[str, Json]", values.get("probes", {})).values():
        if not isinstance(result, dict | None):
            raise ValueError("whose probes hold what is no mapping")
    for key in ("config", "provenance", "error"):
        check_depth(values.get(key), key)
    if not _readable(values.get("predictions")):
        raise ValueError("whose predictions cannot be read")


def _readable(predictions: Json) -> bool:
    """Whether `Predictions.errors` can unpack them, into no more memory than a dataset takes."""
    if predictions is None:
        return True
    if not isinstance(predictions, dict):
        return False
    images, wrong = predictions.get("images"), predictions.get("wrong")
    if type(images) is not int or not 0 <= images <= _MAX_IMAGES or not isinstance(wrong, str):
        return False
    return not wrong or (bool(_WRONG.fullmatch(wrong)) and max(map(int, _INDEX.findall(wrong))) < images)
