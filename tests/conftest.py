"""The order of the files, and storages of each kind, PostgreSQL among them where it is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resbench.core.places import current_home, start_at
from resbench.core.tables import TABLES
from resbench.records.metrics import METRICS, PROBED, is_built_in

# the files that take longest come first, or one process would be left alone with one of them at the end
LONGEST = (
    "reliability/test_ray.py",
    "reliability/test_tune.py",
    "reliability/test_kill.py",
    "execution/test_faults.py",
    "test_results.py",
    "cli/test_commands.py",
    "tuning/test_session.py",
    "documentation/test_blocks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the option `--no-loadscope-reorder` keeps that order."""
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own, as Debian's package installs it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(installed[-1]) if installed else shutil.which("initdb")
    if not initdb:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    programs = Path(initdb).resolve().parent
    folder = Path("/tmp") / f"resbench-postgres-{os.getpid()}"  # PostgreSQL's user must reach it, and tmp_path is ours
    folder.mkdir(mode=0o755)
    as_user = []
    if os.getuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    initialise = [*as_user, initdb, "-D", data, "-U", "tuner", "-A", "trust", "--no-sync"]
    subprocess.run(initialise, check=True, capture_output=True, cwd=folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run(
        [*control, "-o", options, "-l", folder / "log", "start"], check=True, cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        yield f"postgresql+psycopg://tuner@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "journal":
        return None
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'trials.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture(autouse=True)
def nothing_of_other_tests() -> Iterator[None]:
    """A process has one set of tables, and one folder where paths start: what a test changes goes with it."""
    home = current_home()
    yield
    start_at(home)
    for table in TABLES.values():
        table.forget(dict(table.origins))


@pytest.fixture(scope="module", autouse=True)
def no_metrics_of_other_modules() -> Iterator[None]:
    """The metrics that studies of a module bring go with it."""
    yield
    for name in [name for name in METRICS if not is_built_in(name)]:
        PROBED.pop(METRICS.pop(name).probe, None)
