"""Out of memory is known in every form, and a run keeps nothing alive that it no longer uses."""

from __future__ import annotations

import errno
import gc
import os
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from resbench.training.memory import is_out_of_memory
from resbench.training.observer import Moment, Observer, View
from resbench.training.run import RunConfig
from resbench.training.train import train


class Capture:
    """Ends as the capture of a CUDA graph does after an error: with another one, which hides it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


def raised(function: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        function()
    return caught.value


def in_capture(error: Exception) -> BaseException:
    def capture() -> None:
        with Capture():
            raise error

    return raised(capture)


def followed(error: Exception) -> BaseException:
    def run() -> None:
        try:
            raise error
        except Exception as first:
            raise ValueError("the second") from first

    def again() -> None:
        try:
            run()
        except ValueError:
            raise KeyError("the third") from None

    return raised(again)


NO_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    raised(lambda: torch.empty(2**60)),
    raised(lambda: bytearray(2**62)),
]
OTHER = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ValueError("a word of the user: out of memory"),
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    KeyError("x"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=str)
def test_no_memory_is_known_itself_behind_other_errors_and_behind_the_end_of_a_capture(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert is_out_of_memory(in_capture(error)) and "out of memory" not in str(in_capture(error))
    assert is_out_of_memory(followed(error))


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_another_error_is_another_one_wherever_it_came_from(error: Exception) -> None:
    assert (
        not is_out_of_memory(error)
        and not is_out_of_memory(in_capture(error))
        and not is_out_of_memory(followed(error))
    )


def test_errors_that_name_each_other_are_looked_at_once() -> None:
    left, right = KeyError("left"), KeyError("right")
    left.__context__, right.__cause__ = right, left
    assert not is_out_of_memory(left)
    right.__context__ = MemoryError()
    assert is_out_of_memory(left)


class Networks(Observer):
    """Counts at each moment how many of the networks that it has seen are still alive."""

    def __init__(self) -> None:
        self.seen: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.alive: list[int] = []

    def look(self, when: Moment, view: View) -> None:
        gc.collect()
        self.seen.add(view.network)
        self.alive.append(len(self.seen))


def test_a_network_that_was_replaced_by_a_deeper_one_or_has_ended_is_freed(tmp_path: Path) -> None:
    recipe = {"epochs": 2, "grow": [10, 16]}
    run = RunConfig.model_validate(
        {"model": {"depth": 16, "width": 4}, "data": {"train_size": 64, "val_size": 20}, "recipe": recipe}
    )
    networks = Networks()
    record = train(run, tmp_path, threads=1, observer=networks)
    assert record.status == "ok" and len(networks.alive) == 5 and set(networks.alive) == {1}, record.error
    gc.collect()
    assert not networks.seen
    assert "peak_reserved" not in record.metrics  # of a GPU alone
