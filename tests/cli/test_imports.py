"""Which heavy modules a command that trains nothing imports: none that it does not use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.faults import ROOT
from support.finished import finished_study

import resbench
from resbench.core.cards import without_cards

HEAVY = {
    "torch",
    "torchvision",
    "scipy.stats",
    "pandas",
    "matplotlib",
    "seaborn",
    "optuna",
    "gsdesign",
    "jinja2",
    "rich",
}
FRAMES = {"pandas"}
PAGES = {"pandas", "jinja2", "rich"}
DRAWN = PAGES | {"matplotlib", "seaborn", "scipy.stats"}  # seaborn imports scipy.stats
_CODE = (
    "import sys; sys.argv[1:] = %r\n"
    "from resbench.cli import main\n"
    "try: main()\n"
    "except SystemExit as ended: code = ended.code\n"
    "print(sorted(%r & set(sys.modules)), code)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, and what a plan and `explain` keep in the cache after their first time."""
    folder = tmp_path_factory.mktemp("finished")
    cache, before = folder / "cache", os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(cache)
    try:
        file = finished_study(folder)
        resbench.plan(file, folder / "results")
        resbench.plan(file, folder / "none")
        from resbench.reference.reference import topics

        topics()
    finally:
        os.environ.pop("XDG_CACHE_HOME") if before is None else os.environ.update(XDG_CACHE_HOME=before)
    return folder


@pytest.mark.skipif(not without_cards(), reason="only torch knows the cards of a machine that may have some")
@pytest.mark.parametrize(
    ("command", "used"),
    [
        ("run small.yaml", set()),
        ("plan small.yaml", set()),
        ("plan small.yaml --results none", set()),
        ("status", set()),
        ("check small", FRAMES),
        ("show small", PAGES),
        ("report small", DRAWN),
        ("ls runs small", {"rich", "pandas"}),
        ("ls studies", set()),
        ("ls axes", set()),
        ("ls datasets", set()),
        ("explain unit", set()),
    ],
)
def test_a_command_that_trains_nothing_imports_only_what_it_uses(command: str, used: set[str], folder: Path) -> None:
    code = _CODE % (command.split(), HEAVY)
    env = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    imported, code = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert set(eval(imported)) <= used
    assert code in ("0", "1" if command.startswith("check") else "0"), done.stderr
