"""Where files of data are: the data directory, and the folder in which the paths of a grid start."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from resbench.core.files import user_path
from resbench.core.places import resolve

_given: Path | None = None


def default_directory() -> Path:
    """RESBENCH_DATA, else a folder in the user's cache, else one for temporary files."""
    given = os.environ.get("RESBENCH_DATA")
    return user_path(given) if given else cache_folder() / "data"


def cache_folder() -> Path:
    """The user's cache, else a folder for temporary files."""
    from platformdirs import user_cache_path

    try:
        return user_cache_path("resbench")
    except RuntimeError:  # a user without a home, as in a container
        return Path(tempfile.gettempdir()) / f"resbench-{os.getuid()}"


def grid_folder() -> Path:
    """Where paths of a grid start: the folder of its file, else the working folder."""
    return resolve("")


def use_directory(directory: Path | None) -> None:
    """From now on files of datasets are in this directory, which a command was given; None for the default."""
    global _given
    _given = directory


def current_directory() -> Path:
    """The data directory of the command, else the default; absolute."""
    return (_given or default_directory()).absolute()
