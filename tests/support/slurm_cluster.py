"""A real Slurm on this machine for tests: munged, slurmctld and slurmd with folders and ports of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

_CONF = """\
ClusterName=resbench
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge/socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MaxArraySize=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
NodeName={host} NodeAddr=127.0.0.1 CPUs=2
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no cluster here; empty if there can."""
    if os.geteuid():
        return "Slurm's daemons need root"
    absent = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "setpriv") if not shutil.which(name)]
    return f"without {', '.join(absent)} (Debian: slurm-wlm, munge)" if absent else ""


@contextmanager
def cluster() -> Iterator[Path]:
    """Start one node of two cores; yields slurm.conf, for SLURM_CONF; nothing of it is left afterwards."""
    # not pytest's own folder, which the user munge may not enter
    folder = Path(tempfile.mkdtemp(prefix="resbench-slurm-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o755)
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        for path in (key, key.parent):
            shutil.chown(path, "munge", "munge")
        conf = folder / "slurm.conf"
        conf.write_text(_CONF.format(host=socket.gethostname().partition(".")[0], folder=folder, ports=_ports(2)))
        env = os.environ | {"SLURM_CONF": str(conf)}

        def start(name: str, *words: str, wrap: tuple[str, ...] = ()) -> None:
            # they die with this process, however it ends
            command = ["setpriv", "--pdeathsig", "KILL", *wrap, name, *words]
            log = stack.enter_context((folder / f"{name}.log").open("w"))
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(_end, process)

        own = key.parent
        start(
            "munged", "--foreground", f"--key-file={key}", f"--socket={own}/socket", f"--pid-file={own}/pid",
            f"--log-file={own}/log", f"--seed-file={own}/seed", wrap=("--reuid=munge", "--regid=munge", "--clear-groups"),
        )  # fmt: skip
        until((own / "socket").exists, "munged")
        start("slurmctld", "-D")
        start("slurmd", "-D")
        until(lambda: _said("sinfo", "--noheader", "--format=%T", env=env) == "idle", "slurmd")
        stack.callback(_clear, env)
        yield conf


def _clear(env: dict[str, str]) -> None:
    subprocess.run(["scancel", f"--user={os.getuid()}"], env=env, check=False)
    until(lambda: not _said("squeue", "--noheader", env=env), "the last jobs", 40)


def _said(*command: str, env: dict[str, str]) -> str:
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)
