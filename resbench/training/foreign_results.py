"""What a user's training code reports and returns, as the history and the metrics of a record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from resbench.records.record import Predictions, Row

_RATES = ("test", "val", "train")  # of which an error and an accuracy are two names of one number
_SHOWN = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")  # of the last epoch, if they are not returned
_CHECKED = ("test_error", "train_loss", "val_loss")  # not finite: the training diverged
_EXAMPLE = "a mapping of metrics, such as {'test_accuracy': 0.97}"


class WrongResult(ValueError):
    """What the code returned or reported cannot be read, and what it should be."""


def numbers(given: Mapping[Any, Any]) -> Row:
    """Metrics as numbers, None where one is not finite; of shares of images the error and the accuracy.

    Raises:
        WrongResult: what is not a number, or not a share.
    """
    out: Row = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise WrongResult(f"{name!r} should be the name of a metric, such as test_accuracy")
        out[name] = _number(name, value)
    for kind in _RATES:
        error, accuracy = f"{kind}_error", f"{kind}_accuracy"
        for name in (error, accuracy):
            share = out.get(name)
            if share is not None and not 0 <= share <= 1:
                raise WrongResult(f"{name} is {share:g}: it should be a share from 0 to 1")
        if error in out and accuracy not in out:
            out[accuracy] = _rest(out[error])
        if kind == "test" and accuracy in out and error not in out:
            out[error] = _rest(out[accuracy])
    return out


def _number(name: str, value: Any) -> float | None:
    value = value.item() if hasattr(value, "item") and getattr(value, "size", 1) != 0 else value
    if not isinstance(value, int | float):
        raise WrongResult(f"{name} is {str(value)[:60]!r}: a metric is a number")
    return value if math.isfinite(value) and abs(value) < 1e300 else None


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def predictions(given: Any, images: Any) -> Predictions | None:
    """Which test images were wrong.

    Args:
        given: their indices, or index -> the class that was predicted.
        images: how many there are.

    Raises:
        WrongResult: it is not that.
    """
    if given is None:
        return None
    if isinstance(images, bool) or not isinstance(images, int) or images < 1:
        raise WrongResult(f"images is {images!r}: it should be the number of test images, next to wrong")
    pairs = given.items() if isinstance(given, Mapping) else ((index, None) for index in _listed(given))
    try:
        wrong = {int(index): None if label is None else int(label) for index, label in pairs}
    except (TypeError, ValueError):
        raise WrongResult("wrong should be the indices of the test images that are wrong, or index: class") from None
    outside = [index for index in wrong if not 0 <= index < images]
    if outside:
        raise WrongResult(f"wrong has the index {outside[0]}, and there are {images} test images, counted from 0")
    words = (f"{index}" if wrong[index] is None else f"{index}:{wrong[index]}" for index in sorted(wrong))
    return Predictions(images, " ".join(words))


def _listed(given: Any) -> Iterable[Any]:
    given = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(given, list | tuple | set | range):
        raise WrongResult(f"wrong is {str(given)[:60]!r}: it should be a list of indices of test images")
    return given


def final(returned: Any, history: list[Row], tested: bool) -> tuple[Row, Predictions | None]:
    """The metrics and the predictions of a run.

    Args:
        tested: False leaves out what was measured on test images.

    Raises:
        WrongResult: what was returned cannot be read.
    """
    if not isinstance(returned, Mapping) or not returned:
        raise WrongResult(f"it returned {str(returned)[:60]}: it should return {_EXAMPLE}")
    rest = dict(returned)
    wrong, images = rest.pop("wrong", None), rest.pop("images", None)
    found = predictions(wrong, images)
    last = history[-1] if history else {}
    metrics = {name: last[name] for name in _SHOWN if name in last} | numbers(rest)
    if found is not None:
        error = int(found.errors().sum()) / found.images
        if abs((metrics.get("test_error", error) or 0.0) - error) > 0.5 / found.images:
            raise WrongResult(f"test_error is {metrics['test_error']}, and wrong and images say {error}")
        metrics |= {"test_accuracy": 1 - error, "test_error": error}
    if not tested:
        metrics = {name: value for name, value in metrics.items() if not name.startswith("test_")}
        found = None
    return metrics, found


def diverged(metrics: Row) -> str:
    """Which known metric is not finite, if one is."""
    return next((name for name in _CHECKED if name in metrics and metrics[name] is None), "")
