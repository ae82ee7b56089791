"""What a record says about its code."""

import shutil
import subprocess
import sys
from pathlib import Path

import torch

from resbench.core import version
from resbench.training.device import Placement
from resbench.training.provenance import provenance

PRINT = "from resbench.core.version import revision; print(*revision())"


def test_a_change_anywhere_in_the_package_makes_the_code_dirty(tmp_path: Path) -> None:
    package = tmp_path / "resbench"
    for name in ("__init__.py", "core/__init__.py", "core/version.py", "model/__init__.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    shutil.copy(version.__file__, package / "core")

    def revision() -> list[str]:
        done = subprocess.run([sys.executable, "-c", PRINT], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.split()

    def git(*words: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    assert revision() == ["None", "False"]
    git("init")
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    git("add", ".")
    git("commit", "-m", "x")
    [commit, dirty] = revision()
    assert len(commit) == 40 and dirty == "False"
    (package / "model" / "__init__.py").write_text("# changed")
    assert revision() == [commit, "True"]
    (tmp_path / "notes").write_text("outside the package")
    git("commit", "-am", "y")
    assert revision()[1] == "False"


def test_provenance_has_the_given_revision_and_the_placement() -> None:
    facts = provenance(Placement(torch.device("cpu"), 3, bf16=True, channels_last=True), ("abc", True))
    assert facts.text("revision") == "abc" and facts.facts["dirty"] is True
    assert (facts.device, facts.threads, facts.precision) == ("cpu", 3, "bf16")
    assert facts.text("versions.resbench") == version.__version__
