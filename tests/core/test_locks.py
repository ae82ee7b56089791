"""Locks: which file systems machines share. What locks do is tested with the claims of a store."""

from pathlib import Path

import pytest

from resbench.core.errors import UserError
from resbench.core.locks import file_system, mounted, try_lock


def test_the_type_of_a_file_system_is_known(tmp_path: Path) -> None:
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path) not in ("", "proc")
    line = r"36 35 98:0 / /mnt/les\040donn\303\251es rw,noatime master:1 - nfs4 there:/x rw"
    assert mounted(line) == (Path("/mnt/les données"), "nfs4")
    assert mounted(line.replace(r"\303\251", "é")) == (Path("/mnt/les données"), "nfs4")


def test_an_unknown_kind_of_lock_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESBENCH_LOCKS", "flock")
    with (
        pytest.raises(UserError, match="RESBENCH_LOCKS=flock: use one of auto, kernel, lease"),
        try_lock(tmp_path / "x.lock"),
    ):
        pass
