"""C2: the tests that need a card, with warnings as errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from ..rows import Row, not_checked
from ..setting import ROOT, Setting, environment

_OPTIONS = (
    "-m",
    "gpu",
    "-q",
    "-rfEs",
    "-p",
    "no:cacheprovider",
)
_STRICT = ("-W", "error::UserWarning", "-W", "error::RuntimeWarning")
_CONFIGURED = "addopts=--import-mode=importlib --strict-markers"  # without the options of plugins


def check(setting: Setting) -> Iterator[Row]:
    # only those files: others import what this machine may lack
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    files = [str(path) for path in paths if "mark.gpu" in path.read_text(encoding="utf-8")]
    yield from _tested(setting, "tests marked gpu, warnings as errors", files, *_STRICT)
    if not setting.on_card:
        yield not_checked("what they test, which needs a card; here they are found, imported and skipped")


def _tested(setting: Setting, what: str, files: list[str], *options: str) -> Iterator[Row]:
    """Pytest's last line, and one for each test that failed."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *options, "--override-ini", _CONFIGURED]
    command += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    command += ["--basetemp", str(setting.work / "pytest"), *files]
    done = subprocess.run(command, cwd=setting.work, env=environment(), capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, flush=True)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    skipped = " skipped" in lines[-1]
    yield Row(what, lines[-1], ok=done.returncode == 0 and not (skipped and setting.on_card))
    yield from (Row("test", line[:300], ok=False) for line in lines if line.startswith(("FAILED", "ERROR")))
