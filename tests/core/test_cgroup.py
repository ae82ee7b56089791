"""The CPU quota of a container or batch job, as Linux lays it down in both versions of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults import ROOT

from resbench.core.cgroup import cpu_quota


def process(folder: Path, group: str, kind: str = "cgroup2", root: str = "/") -> Path:
    """A folder as /proc/self, of a process in this group, with control groups mounted in `mount` of the folder."""
    controllers, options = ("", "rw") if kind == "cgroup2" else ("cpu,cpuacct", "rw,cpu,cpuacct")
    proc = folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(f"3:memory:/elsewhere\n1:{controllers}:{group}\n")
    (proc / "mountinfo").write_text(
        f"24 1 8:1 / / rw shared:1 - ext4 /dev/root rw\n"
        f"32 31 0:29 {root} {folder / 'mount'} rw,nosuid shared:9 - {kind} cgroup {options}\n"
    )
    (folder / "mount").mkdir()
    return proc


def limit(folder: Path, group: str, **files: str) -> None:
    place = folder / "mount" / group.strip("/")
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("_", ".", 1)).write_text(text)


@pytest.mark.parametrize(
    ("inner", "outer", "quota"),
    [("max 100000", "max 100000", None), ("max 100000", "150000 100000", 1.5), ("50000 100000", "400000 100000", 0.5)],
)
def test_the_least_of_nested_groups_counts(inner: str, outer: str, quota: float | None, tmp_path: Path) -> None:
    proc = process(tmp_path, "/job/step")
    limit(tmp_path, "/job/step", cpu_max=inner)
    limit(tmp_path, "/job", cpu_max=outer)
    assert cpu_quota(proc) == quota


@pytest.mark.parametrize(("microseconds", "quota"), [("-1", None), ("50000", 0.5), ("200000", 2.0)])
def test_version_1(microseconds: str, quota: float | None, tmp_path: Path) -> None:
    proc = process(tmp_path, "/docker/abc", "cgroup")
    limit(tmp_path, "/docker/abc", cpu_cfs_quota_us=microseconds, cpu_cfs_period_us="100000")
    limit(tmp_path, "/docker", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    assert cpu_quota(proc) == quota


@pytest.mark.parametrize(
    ("group", "root"), [("/", "/"), ("/docker/abc", "/docker/abc"), ("/../../x", "/"), ("/docker/abc", "/")]
)
def test_a_container_sees_its_own_group_as_the_root(group: str, root: str, tmp_path: Path) -> None:
    proc = process(tmp_path, group, root=root)
    limit(tmp_path, "/", cpu_max="50000 100000")
    assert cpu_quota(proc) == 0.5


@pytest.mark.parametrize("text", ["", "half", "50000", "50000 0"])
def test_what_cannot_be_read_limits_nothing(text: str, tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "absent") is None
    proc = process(tmp_path, "/")
    limit(tmp_path, "/", cpu_max=text)
    assert cpu_quota(proc) is None


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Path]:
    """A control group that the test may limit."""
    version1, version2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    folder = (version1 if version1.is_dir() else version2) / f"resbench-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("control groups cannot be made here")
    try:
        if not (folder / "cpu.max").exists() and not (folder / "cpu.cfs_quota_us").exists():
            pytest.skip("the group has no CPU controller")
        yield folder
    finally:
        folder.rmdir()


def test_the_quota_of_this_machine_is_the_number_of_cores(group: Path) -> None:
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text("50000 100000")
    else:
        (group / "cpu.cfs_quota_us").write_text("50000")
    program = "from resbench.training.device import cores; print(cores())"
    shell = f'echo $$ > {group}/cgroup.procs && exec "$0" -c "$1"'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, program], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.stdout == b"1\n", done.stderr
