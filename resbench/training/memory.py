"""Memory of a device: giving it back, how much was used, and whether an error says that it ran out."""

from __future__ import annotations

import contextlib
import errno
import gc

import torch

from resbench.training.device import peak_memory

# as the allocators of CPU and CUDA, the CUDA runtime and driver, cuBLAS and cuDNN say it; all raise a RuntimeError
_WORDS = (
    "out of memory",
    "out_of_memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "allocation_failed",
    "status_not_initialized",  # of cublasCreate and cudnnCreate on a full card
)


def release(device: torch.device) -> None:
    """Give memory of a GPU back that nothing uses any more.

    A network that was captured as a graph and its buffers refer to each other, so that only the collector of cycles frees
    them, and when it would run by itself is a matter of chance.
    """
    if device.type == "cuda":
        gc.collect()
        with contextlib.suppress(RuntimeError):  # after an error of the device, which the record of the run has
            torch.cuda.empty_cache()


def start_measuring(device: torch.device) -> None:
    """Forget the peaks of what this process did before, and give back what a run that was stopped left."""
    if device.type == "cuda" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        release(device)
        torch.cuda.reset_peak_memory_stats(device)


def peaks(device: torch.device) -> dict[str, int]:
    """Metrics of memory in bytes; on CUDA also what was reserved, as the memory of graphs counts there alone."""
    reserved = {"peak_reserved": torch.cuda.max_memory_reserved(device)} if device.type == "cuda" else {}
    return {"peak_memory": peak_memory(device), **reserved}


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it followed, says that memory ran out.

    Errors that came before count too: closing the capture of a CUDA graph, in which memory ran out, raises another one.
    """
    seen: set[int] = set()
    open_errors = [error]
    while open_errors:
        one = open_errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if _says_so(one):
            return True
        open_errors += [one.__cause__, one.__context__]
    return False


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):  # as of fork
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)
