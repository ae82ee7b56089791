"""A full disk loses nothing that was there, and the same command goes on once there is space."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import contents, read_records, record_files
from support.faults import ROOT, begin, command

GRID = """\
# Question: what if the disk is full?
name: full
base:
  model: {depth: 10, width: 8}
  data: {train_size: 64, val_size: 10}
  recipe: {epochs: 2}
"""
KIB = 1024
# bytes that are left: nothing, less than a record, less than a checkpoint (600 KiB), one of them but not two
LEFT = [0, 4 * KIB, 16 * KIB, 200 * KIB, 700 * KIB]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"no right to mount a small disk: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(GRID)
    words = ["run", "full.yaml", "--no-report", "--results", str(small), "--threads", "1"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command(*words, "seeds=1"), cwd=tmp_path, env=env, check=True, capture_output=True)
    kept = {path: path.read_bytes() for path in record_files(small / "full")}
    assert len(kept) == 1
    for left in LEFT:
        filler = small / "filler"
        _fill(filler, left)
        process = begin(*words, "seeds=2", cwd=tmp_path, env=env)
        _, said = process.communicate(timeout=120)
        assert "Traceback" not in said
        if left < LEFT[-1]:
            assert process.returncode == 1, said
            assert "No space left on device" in said and "go on: resbench run full.yaml" in said
        assert {path: path.read_bytes() for path in kept} == kept
        assert read_records(small / "full")
        filler.unlink()
    subprocess.run(command(*words, "seeds=2"), cwd=tmp_path, env=env, check=True, capture_output=True)
    elsewhere = ["run", "full.yaml", "--no-report", "--results", str(tmp_path / "large"), "--threads", "1", "seeds=2"]
    subprocess.run(command(*elsewhere), cwd=tmp_path, env=env, check=True, capture_output=True)
    whole = contents(small / "full")
    assert whole == contents(tmp_path / "large" / "full") and len(whole) == 2
    assert not list((small / "full" / ".work").glob("*.ckpt"))


def _fill(path: Path, left: int) -> None:
    """Write until nothing fits any more, then give back so many bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4 * KIB)):
                pass
        except OSError:
            file.truncate(max(0, path.stat().st_size - left))
