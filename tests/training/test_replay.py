"""Which graphs are captured, shared and let go, with stand-ins for the functions of torch that need a card."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from resbench.training import replay
from resbench.training.replay import Body, Kind, Replayer


class Card:
    """Stands for a card: what is done while a graph is captured is recorded, and happens when it is replayed."""

    def __init__(self) -> None:
        self.capturing: Graph | None = None
        self.captured: list[Graph] = []
        self.log: list[str] = []

    def do(self, what: Callable[[], object]) -> None:
        if self.capturing:
            self.capturing.recorded.append(what)
        else:
            what()


class Graph:
    def __init__(self) -> None:
        self.recorded: list[Callable[[], object]] = []
        self.generators: list[torch.Generator] = []
        self.of: object = None

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def pool(self) -> object:
        return self.of

    def replay(self) -> None:
        for what in self.recorded:
            what()


class Stream:
    def __init__(self, card: Card, name: str) -> None:
        self.card, self.name = card, name

    def wait_stream(self, other: Any) -> None:
        self.card.log.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    card, names = Card(), iter("abcdefgh")
    nothing = contextlib.nullcontext

    @contextlib.contextmanager
    def capture(graph: Graph, pool: object, stream: Stream) -> Iterator[None]:
        graph.of = pool or object()
        card.capturing = graph
        card.log.clear()
        yield
        card.capturing = None
        card.captured.append(graph)

    @contextlib.contextmanager
    def on(stream: Stream) -> Iterator[None]:
        card.log.append(f"on {stream.name}")
        yield

    for name, stand_in in {
        "CUDAGraph": Graph,
        "graph": capture,
        "stream": on,
        "Stream": lambda device: Stream(card, next(names)),
        "set_stream": lambda stream: None,
        "current_stream": lambda device: Stream(card, "main"),
        "device": lambda device: nothing(),
        "synchronize": lambda device: card.log.append("synchronise"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nothing())
    replay._stream.cache_clear()
    yield card
    replay._stream.cache_clear()


class Count(Body):
    """Adds a random number to what it holds, and counts how often the host has called it."""

    def __init__(self, card: Card, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        super().__init__(Kind.STEP, [generator])
        self.card, self.sum, self.calls = card, torch.zeros(()), 0

    def __call__(self) -> None:
        self.calls += 1
        self.card.do(lambda: self.sum.add_(torch.rand((), generator=self.generators[0])))

    def lasting(self) -> list[Tensor]:
        return [self.sum]


def drawn(seed: int, numbers: int) -> Tensor:
    generator, total = torch.Generator().manual_seed(seed), torch.zeros(())
    for _ in range(numbers):
        total.add_(torch.rand((), generator=generator))
    return total


def test_work_is_captured_once_and_then_replayed(card: Card) -> None:
    body, replayer = Count(card), Replayer(torch.device("cuda"))
    for _ in range(5):
        replayer(body)
    assert torch.equal(body.sum, drawn(0, 5))  # the warm-up, and the capture, have left nothing
    assert body.calls == 2 and len(card.captured) == 1
    assert card.captured[0].generators == list(body.generators)


def test_several_are_branches_of_one_graph_that_begin_and_end_together(card: Card) -> None:
    bodies, replayer = [Count(card, seed) for seed in range(3)], Replayer(torch.device("cuda"))
    replayer(*bodies)
    assert card.log == [
        "b waits for a", "c waits for a", "on a", "on b", "on c", "a waits for b", "a waits for c",
    ]  # fmt: skip
    replayer(*bodies)
    assert len(card.captured) == 1 and all(torch.equal(body.sum, drawn(seed, 2)) for seed, body in enumerate(bodies))


def test_when_one_leaves_the_rest_is_captured_again_and_the_old_graph_goes(card: Card) -> None:
    left, stays, other = (Count(card, seed) for seed in range(3))
    replayer = Replayer(torch.device("cuda"))
    replayer(left, stays)
    replayer(other)
    both, alone = card.captured
    assert both.of is alone.of  # graphs share their memory
    left.retired = True
    replayer(stays)
    assert torch.equal(stays.sum, drawn(1, 2)) and stays.calls == 3  # it was warm
    assert len(card.captured) == 3 and card.captured[2].of is not alone.of
    other.retired = stays.retired = True
    fresh = Count(card, 5)
    replayer(fresh)
    assert card.captured[3].of is not alone.of  # memory of graphs that are all gone is not asked for again
    replayer.clear()
    replayer(fresh)
    assert len(card.captured) == 5 and torch.equal(fresh.sum, drawn(5, 2))


def test_where_there_is_no_card_works_are_done_as_they_are(card: Card) -> None:
    bodies, replayer = [Count(card), Count(card, 1)], Replayer(torch.device("cpu"))
    replayer(*bodies)
    replayer(lambda: bodies[0]())
    assert not card.captured and torch.equal(bodies[0].sum, drawn(0, 2)) and torch.equal(bodies[1].sum, drawn(1, 1))
