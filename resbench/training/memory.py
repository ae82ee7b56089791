"""Whether an error says that memory ran out."""

from __future__ import annotations

import errno

import torch

# as the allocators of CPU and CUDA, the CUDA runtime and driver, cuBLAS and cuDNN say it; all raise a RuntimeError
_WORDS = (
    "out of memory",
    "out_of_memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "allocation_failed",
)


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
