"""The wheel and the archive of the source: what is in them, and a grid that is run where nothing else of resbench is."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.faults import ROOT

from resbench.core.version import __version__, source_hash

SMALL = ["model.depth=10", "model.width=2", "data.train_size=256", "seeds=1", "name=small"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new wheel and a new archive, from a copy of the files that git has or would take."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", ":!results", ":!reports"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in [*filter(None, names), "results/depth/study.json"]:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=source, check=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel, and what it needs from the environment of the tests."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True)
    (site,) = (environment / "lib").glob("python3*/site-packages")
    # a path in a .pth file adds packages, and no .pth files of theirs: an editable resbench is none of them
    others = [path for path in map(Path, sys.path) if path.name in {"site-packages", "dist-packages"}]
    (site / "others.pth").write_text("".join(f"{path}\n" for path in others))
    return environment / "bin"


def said(program: Path, *words: str, folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([program, *words], cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_runs_a_grid_by_its_name_and_records_name_the_hash_of_its_source(
    installed: Path, tmp_path: Path
) -> None:
    where = said(installed / "python", "-c", "import resbench; print(resbench.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert said(installed / "resbench", "--version", folder=tmp_path) == (
        f"resbench {__version__}, revision {source_hash()}\n"
    )
    said(installed / "resbench", "run", "quickstart", *SMALL, folder=tmp_path)
    records = [json.loads(path.read_text()) for path in (tmp_path / "results" / "small").glob("????????????????.json")]
    assert len(records) == 2 and {record["status"] for record in records} == {"ok"}
    assert {record["provenance"]["revision"] for record in records} == {source_hash()}
    assert (tmp_path / "reports" / "small" / "index.html").is_file()


def test_the_archive_has_the_source_and_the_tests_but_no_results(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"resbench/__init__.py", "tests/conftest.py", "ablations/depth.yaml", "LICENSE", "uv.lock"} <= names
    assert not [name for name in names if name.startswith(("results", "reports"))]


def test_the_wheel_has_the_license_the_types_and_each_shipped_file(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        facts = importlib.metadata.PathDistribution(zipfile.Path(opened, f"{metadata.rpartition('/')[0]}/")).metadata
    assert facts["License-Expression"] == "MIT" and any(name.endswith("licenses/LICENSE") for name in names)
    assert "resbench/py.typed" in names and not any("__pycache__" in name or "results/" in name for name in names)
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ablations").rglob("*.*")}
    assert {f"resbench/{name}" for name in shipped if "__pycache__" not in name} <= names
