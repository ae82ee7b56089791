"""Two thousand odd grid and search files through the real command line: a plan, or readable lines and exit code 2."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from support.inprocess import resbench

from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.training.device import cores
from resbench.training.run import RunConfig

ABLATIONS = Path(__file__).parents[2] / "ablations"
GRIDS = ("quickstart", "precision", "convs", "downsample", "head", "seed-claims")
SEARCHES = ("tune-shortcut",)
VALUES = (
    "", "[]", "{}", "~", "null", "true", "no", "0", "-1", "1e999", "-1e-3", "nan", ".inf", "0x1F", "10:30", "'3'", "1_000",
    "9" * 400, "9" * 5000, "-" + "9" * 20, "1" + "0" * 9, "2147483648", "100001", "1e308", "[1, 1]", "[10, true, '10']",
    "[[[1]]]", "{a: {b: {c: 1}}}", "&a [*a]", "*a", "<<", "!!python/object/apply:os.system ['touch owned']",
    "!!python/name:os.system", "!!binary aGk=", "!!set {a, b}", "!!float x", "!own 3", "2016-01-10", "|", ">-", "? x",
    "'unclosed", '"\\ud800"', '"\\0"', "\x85", "\u2028", "\u202e", "naïve", "漢字 😀", "x" * 3000, "'" + "é" * 700 + "'", "@", "`", "%",
    "../../x", "/etc/passwd", "con", "a: b: c", "- - - 1", "[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000,
    "{a: " * 3000 + "1" + "}" * 3000, "<script>alert(1)</script>", "\x1b[31mred", "=cmd", "[identity, none]", "[0, 1, 2]",
    "{model.depth: 10}", "{low: 1, high: 2}", "{choices: [1, 2]}", "{low: 1.0e-320, high: 1e308, log: true}",
    "{low: 1, high: 1000000000000}", "{low: 0, high: 1, step: 1e-9}",
)  # fmt: skip
KEYS = (
    "model",
    "model.depth",
    "model.",
    ".",
    "recipe.grow",
    "seeds",
    "axes",
    "base",
    "search",
    "'a b'",
    "? [1]",
    "é" * 99,
)
OVERRIDES = (
    "seeds=100001",
    "model.depth=",
    "=",
    "name=../x",
    "name=con",
    "model.norm=[batch, 3]",
    "recipe.lr=!!python/x 1",
)
_SHALLOW = {"34": "16", "58": "22", "100": "28"}  # depths that every family has
_CONTENT = st.binary(max_size=60).map(lambda data: data.decode("latin-1")) | st.text(max_size=60)
_LINE = re.compile(r"(odd\.yaml(:\d+)?|command line|--[a-z]+|merge|compare): ?\S.*")


def texts(names: tuple[str, ...]) -> list[str]:
    """The files with small networks, which are measured soon, and without the comments that open them."""
    out = []
    for name in names:
        text = re.sub(r"\A(#.*\n)+", "", (ABLATIONS / f"{name}.yaml").read_text())
        text = re.sub(r"\b(34|58|100)\b", lambda found: _SHALLOW[found[0]], text)
        out.append(re.sub(r"\bwidth: \d+", "width: 4", text))
    return out


def _value(line: str, text: str) -> str:
    head, colon, _ = line.partition(": ")
    return f"{head}{colon}{text}" if colon else text


def _at(lines: list[str], where: int) -> int:
    return where % max(len(lines), 1)


def flip(lines: list[str], a: int, b: int, _: str) -> list[str]:
    data = bytearray("\n".join(lines), "utf-8", "surrogatepass")
    if data:
        data[a % len(data)] ^= 1 << b % 8
    return data.decode("utf-8", "surrogateescape").split("\n")


def delete(lines: list[str], a: int, b: int, _: str) -> list[str]:
    return lines[: _at(lines, a)] + lines[_at(lines, a) + 1 + b % 2 :]


def double(lines: list[str], a: int, b: int, _: str) -> list[str]:
    return lines[: _at(lines, b)] + lines[_at(lines, a) :][:1] + lines[_at(lines, b) :]


def swap(lines: list[str], a: int, b: int, _: str) -> list[str]:
    out = list(lines)
    if out:
        x, y = _at(out, a), _at(out, b)
        out[x], out[y] = _value(out[x], out[y].partition(": ")[2]), _value(out[y], lines[x].partition(": ")[2])
    return out


def put(lines: list[str], a: int, b: int, _: str) -> list[str]:
    return [_value(x, VALUES[b % len(VALUES)]) if i == _at(lines, a) else x for i, x in enumerate(lines)]


def rename(lines: list[str], a: int, b: int, _: str) -> list[str]:
    def key(line: str) -> str:
        return re.sub(r"[\w.]+(?=:)", lambda found: KEYS[b % len(KEYS)], line, count=1)

    return [key(x) if i == _at(lines, a) else x for i, x in enumerate(lines)]


def insert(lines: list[str], a: int, b: int, text: str) -> list[str]:
    return [*lines[: _at(lines, a)], " " * (b % 5) + text, *lines[_at(lines, a) :]]


def indent(lines: list[str], a: int, b: int, _: str) -> list[str]:
    return [(" " * (b % 7)) + x.lstrip() if i == _at(lines, a) else x for i, x in enumerate(lines)]


def cut(lines: list[str], a: int, b: int, _: str) -> list[str]:
    whole = "\n".join(lines)
    return whole[: a % max(len(whole), 1)].split("\n")


def replace(lines: list[str], a: int, b: int, text: str) -> list[str]:
    return [text] if a % 4 == 0 else [_value(x, text) if i == _at(lines, b) else x for i, x in enumerate(lines)]


MUTATIONS: tuple[Callable[[list[str], int, int, str], list[str]], ...] = (
    flip, delete, double, swap, put, put, put, rename, insert, indent, cut, replace,
)  # fmt: skip
_STEP = st.tuples(st.sampled_from(MUTATIONS), st.integers(0, 9999), st.integers(0, 9999), _CONTENT)


def odd(names: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """A real file, changed once to three times."""

    def made(text: str, steps: list[tuple[Callable[..., list[str]], int, int, str]]) -> bytes:
        lines = text.split("\n")
        for mutate, a, b, content in steps:
            lines = mutate(lines, a, b, content)
        return "\n".join(lines).encode("utf-8", "surrogateescape" if _escaped(lines) else "surrogatepass")

    return st.builds(made, st.sampled_from(texts(names)), st.lists(_STEP, min_size=1, max_size=3))


def _escaped(lines: list[str]) -> bool:
    try:
        "\n".join(lines).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory in which every study has a record of what runs cost, so that none is timed."""
    folder = tmp_path_factory.mktemp("odd")
    before = Path.cwd()
    os.chdir(folder)
    config = RunConfig()
    (run_id,) = config.ids([config.seed])
    for name in (*GRIDS, *SEARCHES, "odd"):
        record = Record(run_id, config.model_dump(mode="json"), "ok", Provenance({"device": "cpu", "threads": 1}))
        record.metrics = {"flops": 1e7, "images_per_second": 1e4}
        Store(folder / "results" / name).add(record)
    yield folder
    os.chdir(before)


def check(content: bytes, words: list[str]) -> None:
    Path("odd.yaml").write_bytes(content)
    before = sorted(Path.cwd().iterdir())
    began = time.process_time()
    code, out, err = resbench(*words)
    assert code in (0, 2), (code, err)
    assert code == 0 or time.process_time() - began < 10, "a mistake is named at once"
    assert sorted(Path.cwd().iterdir()) == before, "reading a file wrote something"
    lines = err.splitlines()
    assert (code == 2) == bool(lines), (out, err)
    for line in lines:
        assert _LINE.fullmatch(line) and len(line) < 500 and line.isprintable(), line


QUICK = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("part", range(10))
def test_odd_grid_files(part: int) -> None:
    @seed(part)  # the same files each time
    @settings(QUICK, max_examples=130)
    @given(odd(GRIDS), st.booleans(), st.none() | st.sampled_from(OVERRIDES))
    def each(content: bytes, plan: bool, override: str | None) -> None:
        words = ["plan", "odd.yaml"] if plan else ["run", "-n", "odd.yaml"]
        check(content, [*words, *([override] if override else []), "-j", str(cores())])

    each()


@pytest.mark.parametrize("part", range(5))
def test_odd_search_files(part: int) -> None:
    @seed(part)
    @settings(QUICK, max_examples=140)
    @given(odd(SEARCHES))
    def each(content: bytes) -> None:
        check(content, ["tune", "-n", "odd.yaml", "-j", str(cores())])

    each()


@pytest.mark.parametrize("words", [["plan"], ["run", "-n"], ["tune", "-n"]])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"\0", b"\xff\xfe\x00", b"null", b"3", b"[]", b"- a", b"--- a\n--- b", b"a", b"?", b"%YAML 9.9\n---\na: 1", b"\t",
        bytes(range(256)), b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\x80\x04\x95cposix\nsystem\n(S'touch owned'\ntR.",
        b"a: " * 2000, b"{" * 50_000, b"- " * 2000, b"a: &a [*a, *a]", b"x: 1\n" * 5000, b"# " + b"x" * (1 << 20),
        b"!!python/object/apply:os.system ['touch owned']",
    ],
)  # fmt: skip
def test_what_is_no_such_file_at_all(content: bytes, words: list[str]) -> None:
    check(content, [words[0], "odd.yaml", *words[1:]])
    assert not Path("owned").exists()


def test_numbers_that_would_take_all_memory_are_refused_at_once() -> None:
    grid = b"axes: {model.width: [%s]}\nseeds: 100000\n" % b",".join(b"%d" % n for n in range(1, 100))
    check(grid, ["plan", "odd.yaml"])
    assert "are 9,900,000 runs" in resbench("plan", "odd.yaml")[2]
    wide = (
        b"search: {data.train_size: {low: 10, high: 1000000000000}, model.dropout: {low: 0, high: 0.9, step: 1.0e-9}}"
    )
    check(wide, ["tune", "-n", "odd.yaml"])
    assert resbench("tune", "-n", "odd.yaml")[2].count("has more than 1,000,000 values") == 2
