"""Where a run begins: at its beginning, or at its checkpoint."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from resbench.training import checkpoint
from resbench.training.checkpoint import SavedState
from resbench.training.device import Placement
from resbench.training.kept import lacks_best
from resbench.training.observer import Observer
from resbench.training.run import RunConfig


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
        saved: the state to continue from; None at the very beginning.
        warning: why a checkpoint was not used; empty otherwise.
    """

    placement: Placement
    saved: SavedState | None = None
    warning: str = ""


def find_start(
    run: RunConfig,
    path: Path | None,
    placement: Placement,
    current: dict[str, str],
    observer: Observer,
    keep_best: bool,
) -> Start:
    """Continue from the checkpoint if it is whole, was watched as asked, and was computed with the same arithmetic.

    Args:
        keep_best: whether the weights of the best epoch are needed.
    """
    saved, warning = checkpoint.load(path, run.id) if path else (None, "")
    if saved is None:
        return Start(placement, warning=warning)
    missing = observer.missing(saved.get("probes", {}))
    if missing:
        warning = f"{path}: begun without the probes {', '.join(missing)}: the run starts over"
        return Start(placement, warning=warning)
    if keep_best and lacks_best(run, saved):
        return Start(placement, warning=f"{path}: begun without the weights of the best epoch: the run starts over")
    if current != saved["arithmetic"]:
        warning = f"{path}: begun {_difference(saved['arithmetic'], current)}: the run starts over"
        return Start(placement, warning=warning)
    return Start(dataclasses.replace(placement, threads=saved["threads"]), saved)


def _difference(before: dict[str, str], now: dict[str, str]) -> str:
    """`with cpu fp32, cpu_capability AVX512, and here it is cpu fp32, cpu_capability DEFAULT`."""
    names = [name for name in now if name not in ("device", "precision") and before.get(name) != now[name]]

    def words(facts: dict[str, str]) -> str:
        parts = [f"{name} {facts.get(name) or 'unknown'}" for name in names]
        return ", ".join([f"{facts.get('device')} {facts.get('precision')}", *parts])

    return f"with {words(before)}, and here it is {words(now)}"
