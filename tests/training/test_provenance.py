"""What a record says about its code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from resbench.core import version
from resbench.core.version import short_revision
from resbench.records.record import Provenance
from resbench.training.device import Placement
from resbench.training.provenance import arithmetic, cudnn_version, driver_version, provenance

PRINT = "from resbench.core.version import revision; print(*revision())"


class Installed:
    """A copy of what tells the revision, in a package in this folder, and git there."""

    def __init__(self, folder: Path, top: Path | None = None) -> None:
        self.folder, self.top, self.package = folder, top or folder, folder / "resbench"
        for name in ("__init__.py", "core/__init__.py", "core/version.py", "model/__init__.py"):
            (self.package / name).parent.mkdir(parents=True, exist_ok=True)
            (self.package / name).write_text("")
        shutil.copy(version.__file__, self.package / "core")
        (self.top / ".gitignore").write_text("__pycache__\n")

    def revision(self, **variables: str) -> tuple[str, str]:
        env = os.environ | variables
        command = [sys.executable, "-c", PRINT]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        code, dirty = done.stdout.split()
        return code, dirty

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "safe.directory=*")
        subprocess.run(["git", "-C", str(self.top), *identity, *words], check=True, capture_output=True)

    def commit(self) -> str:
        self.git("init")
        self.git("add", "--force", ".")
        self.git("commit", "-m", "x")
        return (self.top / ".git" / "refs" / "heads" / self._branch()).read_text().strip()

    def _branch(self) -> str:
        return (self.top / ".git" / "HEAD").read_text().strip().rpartition("/")[2]


def test_a_change_anywhere_in_the_package_makes_the_code_dirty(tmp_path: Path) -> None:
    code = Installed(tmp_path)
    commit = code.commit()
    assert len(commit) == 40 and code.revision() == (commit, "False")
    (code.package / "model" / "__init__.py").write_text("# changed")
    assert code.revision() == (commit, "True")
    (tmp_path / "notes").write_text("outside the package")
    code.git("commit", "-am", "y")
    assert code.revision()[1] == "False"


def test_without_a_checkout_the_source_tells_the_revision(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two" / "lib" / "site-packages"]
    for place in places:
        place.mkdir(parents=True)
    one, two = map(Installed, places)
    first, dirty = one.revision()
    assert re.fullmatch("source:[0-9a-f]{16}", first) and dirty == "False"
    assert two.revision() == one.revision() == (first, "False")  # compiled files are no source
    (two.package / "model" / "__init__.py").write_text("# changed")
    assert two.revision()[0] != first and one.revision()[0] == first
    assert short_revision(first) == first and short_revision("ab" * 20) == "ab" * 6


def test_an_installed_package_has_no_revision_of_the_repository_around_it(tmp_path: Path) -> None:
    folder = tmp_path / "venv" / "lib" / "python3" / "site-packages"
    folder.mkdir(parents=True)
    code = Installed(folder, tmp_path)
    before = code.revision()
    code.commit()
    assert code.revision() == before and before[0].startswith("source:")


def test_the_revision_is_that_of_the_package_whatever_git_is_told(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    code = Installed(tmp_path / "ours")
    commit = code.commit()
    (tmp_path / "other").mkdir()
    other = Installed(tmp_path / "other")
    (other.package / "model" / "__init__.py").write_text("# another history")
    assert other.commit() != commit
    variables = {"GIT_DIR": str(tmp_path / "other" / ".git"), "GIT_WORK_TREE": str(tmp_path / "other")}
    variables["GIT_INDEX_FILE"] = str(tmp_path / "other" / ".git" / "index")
    assert code.revision(**variables) == (commit, "False")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_checkout_of_another_user_tells_its_revision(tmp_path: Path) -> None:
    code = Installed(tmp_path)
    commit = code.commit()
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.chown(path, 12345, 12345)
    empty = tmp_path / "home"
    empty.mkdir()
    assert code.revision(HOME=str(empty)) == (commit, "False")


def test_provenance_has_the_given_revision_and_the_placement() -> None:
    facts = provenance(Placement(torch.device("cpu"), 3, bf16=True, channels_last=True), ("abc", True))
    assert facts.text("revision") == "abc" and facts.facts["dirty"] is True
    assert (facts.device, facts.threads, facts.precision) == ("cpu", 3, "bf16")
    assert facts.text("versions.resbench") == version.__version__


def test_a_cpu_has_no_facts_of_a_gpu() -> None:
    facts = provenance(Placement(torch.device("cpu"), 1, bf16=False, channels_last=False))
    assert not facts.flat.keys() & {"versions.cuda", "versions.cudnn", "driver"}
    assert not arithmetic(facts).keys() & {"versions.cuda", "versions.cudnn"}  # as in checkpoints of earlier versions


@pytest.mark.parametrize("fact", ["device_name", "versions.cuda", "versions.cudnn"])
def test_on_a_gpu_its_model_and_libraries_decide_the_arithmetic_and_the_driver_does_not(fact: str) -> None:
    here = {"device": "cuda", "device_name": "NVIDIA H100", "versions.cuda": "13.0", "versions.cudnn": "9.10.2"}
    assert arithmetic(Provenance(here)) == arithmetic(Provenance(here | {"driver": "580.65.06"}))
    assert arithmetic(Provenance(here)) != arithmetic(Provenance(here | {fact: "another"}))
    of_old = {name: value for name, value in here.items() if name != fact}
    assert arithmetic(Provenance(here)) != arithmetic(Provenance(of_old))


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc version 12.2.0",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build  (dvs-builder@U16)\n",
    ],
)
def test_the_driver_is_the_one_that_the_kernel_has(text: str, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(text)
    assert driver_version(tmp_path / "version") == "535.104.05"


@pytest.mark.parametrize(
    ("script", "version"),
    [("echo 570.86.10; echo 570.86.10", "570.86.10"), ("echo No devices were found; exit 6", None), (None, None)],
)
def test_without_the_kernels_word_nvidia_smi_is_asked(
    script: str | None, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}")
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    assert driver_version(tmp_path / "missing") == version


def test_the_version_of_cudnn_is_that_of_the_library_that_is_loaded() -> None:
    number = torch.backends.cudnn.version()
    text = cudnn_version()
    if number is None:
        assert text is None
    else:
        assert text and re.fullmatch(r"\d+\.\d+\.\d+", text) and text.startswith(str(number)[0])
