"""Work that is done again and again: as it is, or replayed as a CUDA graph, for one run or for several side by side."""

from __future__ import annotations

import contextlib
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import TypeAlias

import torch
from torch import Generator, Tensor

Work: TypeAlias = Callable[[], None]


class Kind(IntEnum):
    """What work is, in the order in which an epoch asks for it."""

    STEP = 0
    LAST_STEP = 1
    REFRESH = 2
    EVALUATION = 3
    LAST_EVALUATION = 4


class Body(ABC):
    """Work that reads and writes only tensors that stay where they are, so that a graph of it can be replayed.

    It does not wait for the device, and needs nothing of the host that changes from call to call.

    Args:
        kind: runs that are trained together do at the same time what is of one kind.
        generators: of its random numbers, besides the default ones of torch.

    Attributes:
        retired: whether it will not be asked for again, so that its graphs can go.
        warm: whether it has run before, so that it can be captured.
    """

    def __init__(self, kind: Kind, generators: Sequence[Generator] = ()) -> None:
        self.kind, self.generators = kind, tuple(generators)
        self.retired = self.warm = False

    @abstractmethod
    def __call__(self) -> None:
        """Do it once."""

    @abstractmethod
    def lasting(self) -> list[Tensor]:
        """All tensors that it changes and that count afterwards."""

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Put everything back at the end; what an optimizer has made meanwhile is zero, as before its first step."""
        before = self.lasting()
        copies = [tensor.clone() for tensor in before]
        states = [generator.get_state() for generator in self.generators]
        yield
        known = {id(tensor) for tensor in before}
        with torch.no_grad():
            for tensor, copy in zip(before, copies, strict=True):
                tensor.copy_(copy)
            for tensor in self.lasting():
                if id(tensor) not in known:
                    tensor.zero_()
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)


class Replayer:
    """Does work of one device: on CUDA bodies are captured when they are first asked for, and then replayed.

    Bodies that are asked for at once become parallel branches of one graph, each on a stream of its own. Their kernels are
    those of one body alone, and share no memory, so each has the bits that it would have alone.

    Attributes:
        joins: whether it gains by being given several bodies at once.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.joins = device.type == "cuda"
        self._graphs: dict[tuple[Body, ...], torch.cuda.CUDAGraph] = {}

    def __call__(self, *works: Work) -> None:
        bodies = tuple(work for work in works if isinstance(work, Body))
        if not self.joins or len(bodies) < len(works):
            for work in works:
                work()
            return
        if bodies not in self._graphs:
            self.drop_retired()
            self._graphs[bodies] = self._capture(bodies)
        self._graphs[bodies].replay()

    def drop_retired(self) -> None:
        """Let the graphs go of which a body will not be asked for again."""
        self._forget(lambda body: body.retired)

    def clear(self) -> None:
        """Let all graphs go, and the memory that they hold."""
        self._forget(lambda body: True)

    def _forget(self, gone: Callable[[Body], bool]) -> None:
        old = [bodies for bodies in self._graphs if any(map(gone, bodies))]
        if old:
            with contextlib.suppress(RuntimeError):  # of a device that has failed, as the record of the run says
                torch.cuda.synchronize(self._device)  # a graph may still be running
            # all of them: the end of one frees what cuBLAS has for the stream that the others were captured on
            # (pytorch 193402), and they would go on with memory that is no longer theirs
            self._graphs.clear()

    def _capture(self, bodies: Sequence[Body]) -> torch.cuda.CUDAGraph:
        """The bodies as branches of one graph; nothing of them has been done when it is returned."""
        streams = [_stream(self._device, index) for index in range(len(bodies))]
        for body, stream in zip(bodies, streams, strict=True):
            if not body.warm:
                self._warm_up(body, stream)
        graph = torch.cuda.CUDAGraph()
        for body in bodies:
            for generator in body.generators:
                graph.register_generator_state(generator)  # a replay draws from where the generator stands by then
        # graphs that never run at the same time, and leave nothing in their memory, can share it
        pool = next((other.pool() for other in self._graphs.values()), None)
        main, before = streams[0], torch.cuda.current_stream(self._device)
        try:
            with torch.cuda.device(self._device), torch.cuda.graph(graph, pool=pool, stream=main):
                for side in streams[1:]:
                    side.wait_stream(main)
                try:
                    for body, stream in zip(bodies, streams, strict=True):
                        with torch.cuda.stream(stream):
                            body()
                finally:  # a capture with open branches could not even be given up
                    for side in streams[1:]:
                        main.wait_stream(side)
        finally:
            torch.cuda.set_stream(before)  # where closing a capture fails, torch stays on its stream
        return graph

    def _warm_up(self, body: Body, stream: torch.cuda.Stream) -> None:
        """Let the libraries load their kernels and take their workspace, which a capture cannot do."""
        current = torch.cuda.current_stream(self._device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream), torch.random.fork_rng([self._device]), body.undone():
            body()
        current.wait_stream(stream)
        body.warm = True


@functools.cache
def _stream(device: torch.device, index: int) -> torch.cuda.Stream:
    """The same streams for all graphs of a process: cuBLAS keeps a workspace for each."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
