"""What all runs of one command have in common: where their records go, and how they are trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resbench.core.json_reader import Json
from resbench.core.places import Home
from resbench.core.version import Revision
from resbench.records.record import Record
from resbench.records.weights_file import Which, lacks_weights
from resbench.training.placement import Graph


@dataclass(frozen=True)
class Setting:
    """What all runs of one command have in common.

    Attributes:
        folder: `results/<study>`.
        directory: torchvision data root.
        device: name of the torch device.
        threads: of torch in each run.
        code: `version.revision()` when the command began.
        probes: what is measured during training.
        timeout: seconds that a run may take from one start, or None.
        graph: what a run replays as a CUDA graph, as `train` takes it.
        home: where the files are that the grid names.
        weights: which weights of each run are saved next to its record; None for none.
        probe_code: the plug-ins of the probes, as `metrics.probe_code` says it.
    """

    folder: Path
    directory: Path
    device: str
    threads: int
    code: Revision
    probes: tuple[str, ...] = ()
    timeout: float | None = None
    graph: Graph = "network"
    home: Home | None = None
    weights: Which | None = None
    probe_code: str = ""

    def done(self, record: Record) -> bool:
        """Whether a run with this record need not be done: it has what is asked for, its saved weights too."""
        return record.answers(self.probes) and not (self.weights and lacks_weights(self.folder, record, self.weights))

    def to_json(self) -> dict[str, Json]:
        """As JSON, its folders absolute."""
        folders = {"folder": str(self.folder.resolve()), "directory": str(self.directory.resolve())}
        return asdict(self) | folders | {"home": self.home.to_json() if self.home else None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Setting:
        """The inverse of `to_json`."""
        return cls(
            **values
            | {
                "folder": Path(values["folder"]),
                "directory": Path(values["directory"]),
                "code": tuple(values["code"]),
                "probes": tuple(values["probes"]),
                "home": Home.from_json(values["home"]) if values.get("home") else None,
            }
        )
