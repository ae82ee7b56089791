"""Optuna's CMA-ES, which keeps its state in the trials as a pickle, read without running what else may stand there."""

from __future__ import annotations

import io
import pickle
from typing import Any

from optuna.samplers import CmaEsSampler
from optuna.trial import FrozenTrial

from resbench.core.errors import UserError

assert hasattr(CmaEsSampler, "_restore_optimizer"), "this Optuna reads the state of CMA-ES in another way"
# all that a state is made of
_PARTS = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((module, name) for module in ("numpy._core.multiarray", "numpy.core.multiarray") for name in ("_reconstruct", "scalar")),
}  # fmt: skip


class CmaEs(CmaEsSampler):
    """CMA-ES for storages that others can write."""

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        for trial in reversed(completed_trials):
            key = self._attr_key_optimizer
            parts = {name: text for name, text in trial.system_attrs.items() if name.startswith(key)}
            if parts:
                return _state(trial.number, self._concat_optimizer_attrs(parts))
        return None


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PARTS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _state(trial: int, text: str) -> Any:
    try:
        return _Reader(io.BytesIO(bytes.fromhex(text))).load()
    except Exception as error:  # whatever a made-up pickle causes
        raise UserError(
            f"trial {trial}: what it holds of sampler cmaes is no state of CMA-ES ({error}): the storage was changed "
            "by another program; use another storage, or another sampler"
        ) from None
