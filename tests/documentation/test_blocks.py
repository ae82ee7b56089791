"""Every block of code of the README and the documentation does what it says, on little data."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from support.faults import ROOT
from support.inprocess import resbench
from support.pages import TRIALS, Block, Command, blocks, commands, is_search, laid_over, pages, shrunk

from resbench.cli.app import app
from resbench.core.yaml_reader import parse
from resbench.grid.reader import read_grid
from resbench.tuning.reader import load_search

# commands that need a card, a cluster, a server, the network, minutes, or an answer
ELSEWHERE = {"bench", "doctor", "collect", "rm", "watch"}
CLUSTERS = {"ray", "slurm"}
PROCESSES = {"-j", "--jobs", "--workers", "--timeout", "--device", "--storage", "--data-dir"}
JUDGE = {"check", "compare", "judge"}  # exit 1 where a claim is not supported, as with so few images
PROGRAMS = {
    "cat", "cd", "curl", "echo", "export", "git", "head", "kill", "ls", "mlflow", "nvidia-cuda-mps-control", "open",
    "optuna-dashboard", "pre-commit", "python", "source", "tensorboard", "uv", "wandb",
}  # fmt: skip
KINDS = {"yaml", "bash", "python", "text", "json", "toml"}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of grid files that several pages have."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a reader, next to nothing but the grids that come with the package."""
    for name in [name for name in os.environ if name.startswith("RESBENCH_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "ablations").symlink_to(ROOT / "ablations")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield folder


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(page: Path, scratch: Path, trained: Path) -> None:
    found = blocks(page)
    assert [(block.line, block.kind) for block in found if block.kind not in KINDS] == []  # such as ```bash or ```text
    again = set[str]()  # of one page a command is done once: the second time there is nothing to do
    for block in found:
        if block.name:
            text = shrunk(block.text) if block.kind == "yaml" else block.text
            (scratch / block.name).write_text(text, encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in found:
        try:
            _do(block, names, again, trained)
        except Exception as error:
            error.add_note(f"{page.relative_to(ROOT)}:{block.line}")
            raise


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "reference").glob("*.md")), ids=lambda page: page.stem)
def test_examples_of_the_reference_are_read_and_parsed(page: Path, scratch: Path) -> None:
    layers = "from torch import nn\ndef ends(channels, size):\n    return nn.Identity(), 1\nHEADS = {'ends': ends}\n"
    (scratch / "my_layers.py").write_text(layers)
    (scratch / "my_training.py").write_text("def train(config, seed, report):\n    return {'test_error': 0.1}\n")
    files = {"my-question.yaml": laid_over("seeds: 5"), "my-search.yaml": laid_over("trials: 5")}
    for name, text in files.items():
        (scratch / name).write_text(text)
    for block in blocks(page):
        if block.kind == "yaml":
            _read(block.text if block.name else laid_over(block.text), block.name)
        elif block.kind == "bash":
            for command in commands(block.text):
                assert command.words[0] == "resbench"
                _parsed(command.words[1:])


def _do(block: Block, names: dict[str, Any], again: set[str], trained: Path) -> None:
    """What a reader does with a block."""
    if block.kind == "yaml":
        _read(block.text if block.name else laid_over(block.text), block.name)
    elif block.kind == "python":
        code = compile(block.text, block.name or "block", "exec")
        if not block.name:
            with contextlib.redirect_stdout(io.StringIO()):
                exec("import resbench", names)
                exec(code, names)
    elif block.kind == "bash":
        for command in commands(block.text):
            if shlex.join(command.words) not in again:
                _command(command, trained)
            again.add(shlex.join(command.words))


def _read(text: str, name: str) -> None:
    """Read settings as they stand, and plan their runs."""
    file = Path("whole.yaml")
    file.write_text(text, encoding="utf-8")
    if is_search(parse(text).value):
        load_search(file)
    else:
        assert read_grid(file).runs(), name


def _command(command: Command, trained: Path) -> None:
    program, *words = command.words
    if program != "resbench":
        _other_program(program, words)
        return
    words = [_known(word, words) for word in words]
    if "--trials" in words:
        words[words.index("--trials") + 1] = str(TRIALS)
    parsed = _parsed(words)
    if _is_elsewhere(words, parsed):
        return
    _bring_study(parsed)
    kept = trained / f"{hash(_file(words))}" if words[0] == "run" and len(words) == 2 else None
    if kept and kept.exists():
        shutil.copytree(kept, "results", dirs_exist_ok=True)
    Path("fresh").mkdir(exist_ok=True)
    with contextlib.chdir("fresh") if words[0] == "init" else contextlib.nullcontext():  # which overwrites no file
        code, out, err = resbench(*words, *_quickly(words))
    wanted = {command.code} if command.code is not None else {0, 1} if words[0] in JUDGE else {0}
    assert code in wanted, f"{' '.join(words)}: exit {code}\n{out[-2000:]}{err[-2000:]}"
    if kept and not kept.exists():
        name = parse(_file(words)).value.get("name", Path(words[1]).stem)
        shutil.copytree(Path("results", name), kept / name)


def _file(words: list[str]) -> str:
    return Path(words[1]).read_text(encoding="utf-8")


def _other_program(program: str, words: list[str]) -> None:
    """Not run; what it names of the repository has to be there."""
    if program == "make":
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in words if "=" not in word and word[:1] != "-"} <= targets, words
    elif program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = {extra for word in words for extra in re.findall(r"\[(.*)\]", word) for extra in extra.split(",")}
        assert extras <= set(project["optional-dependencies"]), words
    else:
        assert program in PROGRAMS, f"{program}: no program that pages name"


def _parsed(words: list[str]) -> dict[str, Any]:
    """The arguments and options of a command, as it reads them; a misspelt one raises."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest:
        assert rest[0] in command.commands or rest[0][:1] == "-", f"resbench has no command {rest[0]}"
        if rest[0][:1] == "-":
            return {}
        command = command.commands[rest.pop(0)]
    if {"-h", "--help"} & set(rest):
        return {}
    with contextlib.redirect_stderr(io.StringIO()):
        parsed: dict[str, Any] = command.make_context(" ".join(words[:1]), rest).params
    if words[0] in ("run", "plan", "bench"):
        _checked(parsed)
    return parsed


def _checked(parsed: dict[str, Any]) -> None:
    """The settings that a command is given, where its grid is one to be read here."""
    if parsed.get("executor") in CLUSTERS or parsed.get("grid", "").startswith("ablations"):
        read_grid(parsed["grid"], [word for word in parsed.get("overrides") or []])


def _is_elsewhere(words: list[str], parsed: dict[str, Any]) -> bool:
    """Whether a command is only parsed."""
    grid = Path(str(parsed.get("grid") or parsed.get("search") or ""))
    ours = bool(grid.name) and (grid.is_absolute() or grid.parts[:1] == ("ablations",))
    return (
        (words[0] in ELSEWHERE and "--once" not in words)
        or parsed.get("executor") in CLUSTERS
        or (words[0] in ("run", "tune", "inspect-init") and (ours or bool(PROCESSES & set(words))))
        or words[:2] == ["data", "fetch"]
        or any(word.startswith(("../", "/")) for word in words)  # what is there on another machine
        or (words[0] == "export" and parsed.get("to") not in ("csv", "parquet"))
    )


def _known(word: str, words: list[str]) -> str:
    """A word with the id of a run in place of RUN, and the file of a record in place of RECORD."""
    if word != "RUN":
        return word
    records = [path for study in words for path in Path("results", study).glob("*.json") if len(path.stem) == 16]
    assert records, f"{' '.join(words)}: no run is trained yet"
    return min(records).stem


def _bring_study(parsed: dict[str, Any]) -> None:
    """Have a study of the repository here, where the page did not make one of this name."""
    for study in [parsed.get("study"), *(parsed.get("studies") or [])]:
        if study and not Path("results", study).exists() and (ROOT / "results" / study).is_dir():
            shutil.copytree(ROOT / "results" / study, Path("results", study))


def _quickly(words: list[str]) -> list[str]:
    """Options that leave out what costs seconds: processes, and pages that `report` writes too."""
    if "-n" in words or words[0] not in ("run", "tune"):
        return []
    given = {"run": {"--report": "--no-report", "--executor": "serial"}, "tune": {"-j": "1"}}[words[0]] | {
        "--threads": "1"
    }
    return [
        word
        for option, value in given.items()
        if option not in words
        for word in ([value] if value[:1] == "-" else [option, value])
    ]
