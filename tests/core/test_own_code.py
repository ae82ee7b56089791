"""Python files of users: what belongs to their content, and that what runs is what was digested."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.faults import ROOT

from resbench.core.entry import load_entry
from resbench.core.errors import UserError
from resbench.core.own_code import digest_of, load_file, load_plugin
from resbench.core.places import relative_to

MINE = "from helper import double\nimport json, resbench\n\ndef value():\n    return double(1)\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Python files by name; returns the first."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / f"{next(iter(files))}.py"


def test_the_digest_of_one_file_is_its_sha256(tmp_path: Path) -> None:
    file = write(tmp_path, {"mine": "import json, torch\n", "json": "", "other": ""})  # the library's json is meant
    assert digest_of(file) == hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def test_what_a_file_imports_from_its_folder_belongs_to_it(tmp_path: Path) -> None:
    texts = {"mine": "def f():\n    from pack.one import x\n", "pack/one": "from . import two\nx = two.y"}
    file = write(tmp_path, texts | {"pack/two": "y = 1"})
    digests = [digest_of(file)]
    for name, text in (("pack/two", "y = 2"), ("pack/__init__", ""), ("pack/not", "")):
        write(tmp_path, {name: text})
        digests.append(digest_of(file))
    assert len(set(digests)) == 3 and digests[2] == digests[3]
    load_file(str(file)).attribute("f")()  # imported only now
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("mine.py", "pack"):
        (tmp_path / name).rename(moved / name)
    assert digest_of(moved / "mine.py") == digests[3]


def test_two_folders_have_files_of_the_same_names(tmp_path: Path) -> None:
    before = dict(sys.modules)
    found = []
    for number in (2, 3):
        folder = tmp_path / str(number)
        write(folder, {"mine": MINE, "helper": f"def double(x):\n    return {number} * x\n"})
        with relative_to(folder):
            found.append(load_file("mine.py"))
    assert [own.module.value() for own in found] == [2, 3] and found[0].digest != found[1].digest
    assert "helper" not in sys.modules and before.items() <= sys.modules.items()


def test_an_edited_file_is_loaded_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    file = write(tmp_path, {"mine": MINE, "helper": "def double(x):\n    return 2 * x\n"})
    first, again = load_file(str(file)), load_file(str(file))
    assert first is again and first.attribute("value")() == 2
    # as long, and within the same second: a cache of bytecode would not see it
    write(tmp_path, {"helper": "def double(x):\n    return 3 * x\n"})
    os.utime(tmp_path / "helper.py", (0, 0))
    assert load_file(str(file)).attribute("value")() == 3
    assert not list(tmp_path.rglob("__pycache__"))
    with pytest.raises(UserError, match=r"mine.py: it has no make; it has double, value"):
        first.attribute("make")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"mine": "x = 1\ny = (\n"}, "mine.py:2: SyntaxError: '(' was never closed"),
        ({"mine": "x = 1\n\nSHORTCUTS = {'a': b}\n"}, "mine.py:3: NameError: name 'b' is not defined"),
        ({"mine": MINE, "helper": "\n1 / 0\n"}, "helper.py:2: ZeroDivisionError: division by zero"),
        ({"mine": "import no_such_module\n"}, "mine.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
        ({"other": ""}, "mine.py: cannot be read: No such file or directory"),
    ],
)
def test_a_broken_file_is_named_with_its_line(files: dict[str, str], said: str, tmp_path: Path) -> None:
    write(tmp_path, files)
    with pytest.raises(UserError) as caught:
        load_plugin(str(tmp_path / "mine.py"))
    assert caught.value.lines == [f"{tmp_path}/{said}"]


def test_installed_packages_extend_resbench_and_are_named_with_their_version(tmp_path: Path) -> None:
    layers = "from my_pack.inner import x\nNORMS = {'mine': x}\n"
    files = {"__init__": "", "layers": layers, "inner": "import torch\nx = torch.nn.BatchNorm2d\n", "not": ""}
    write(tmp_path, {f"my_pack/{name}": text for name, text in files.items()})
    info = tmp_path / "my_pack-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-pack\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[resbench.plugins]\nlayers = my_pack.layers\n")
    script = """
from resbench.reference.reference import topics
print(*(topic.fact("from") for topic in topics() if topic.name == "model.norm=mine"))
from resbench.grid.grid import Grid
runs = Grid("own", axes={"model.norm": ["batch", "mine"]}).runs()
from resbench.model.norm import NORMS
print(*(run.config.own_code for run in runs), NORMS.origins["mine"].name, NORMS.origins["mine"].source)
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    names = ("my_pack/layers.py", "my_pack/__init__.py", "my_pack/inner.py")  # the plug-in first
    lines = [f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    source = "my_pack.layers of my-pack"
    assert done.stdout == f"{source}\n[] ['{digest}'] my-pack 1.2 {source}\n"


def test_of_two_files_that_import_each_other_each_is_known(tmp_path: Path) -> None:
    write(
        tmp_path, {"one": "import two\ndef make():\n    return 1\n", "two": "import one\ndef make():\n    return 2\n"}
    )
    with relative_to(tmp_path):
        entries = [load_entry(f"{name}.py:make") for name in ("one", "two")]
        assert [load_entry(entry.text).function() for entry in entries] == [1, 2]
    assert digest_of(tmp_path / "one.py") != digest_of(tmp_path / "two.py")


def test_only_python_is_read_as_python(tmp_path: Path) -> None:
    """What a command names may be a table of many numbers, which would be a Python file of as many expressions."""
    write(tmp_path, {"helper": "x = 1\n"})
    digests = set()
    for name, head in (("table.csv", ""), ("script", "#!/usr/bin/env python3\n")):
        (tmp_path / name).write_text(f"{head}import helper\n")
        alone = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16]
        digests.add((name, digest_of(tmp_path / name) == alone))
    assert digests == {("table.csv", True), ("script", False)}
