"""The folder of a study and the question in it, `study.json`."""

from __future__ import annotations

import shutil
from pathlib import Path

from resbench.core.errors import LaterVersion, UserError
from resbench.records.study_file import StudyFile

FILES = ".files"  # ends the name of the folder in which a run by a user's own command works


class StudyFolder:
    """`results/<study>`, with `.work/` for what is unfinished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / ".work"

    def checkpoint(self, run_id: str) -> Path:
        return self.work / f"{run_id}.ckpt"

    def remove_files(self, run_id: str) -> None:
        """Remove the folder in which a user's own command has done a run, if there is one."""
        shutil.rmtree(self.work / f"{run_id}{FILES}", ignore_errors=True)

    @property
    def study_path(self) -> Path:
        return self.folder / "study.json"

    def study(self) -> StudyFile | None:
        """The study file in the folder, or None.

        Raises:
            UserError: the file is damaged, or of a later version.
        """
        try:
            return StudyFile.read(self.study_path)
        except FileNotFoundError:
            return None
        except (LaterVersion, IsADirectoryError):
            self.check_replaceable()
            raise
        except (ValueError, OSError, RecursionError) as error:
            raise UserError(f"{self.study_path}: damaged ({error}): run the grid again to rewrite it") from None

    def readable_study(self) -> StudyFile | None:
        """As `study`, and None of a damaged file, which will be written again."""
        try:
            return self.study()
        except UserError:
            return None

    def check_replaceable(self) -> None:
        """See that the study file in the folder is not of a later version.

        Raises:
            UserError: it is, or it is no file.
        """
        if self.study_path.is_dir():
            raise UserError(f"{self.study_path}: a folder, where the study file belongs: move it away")
        try:
            StudyFile.read(self.study_path)
        except LaterVersion as error:
            raise UserError(f"{self.study_path}: written by a later version ({error}): it is kept") from None
        except (ValueError, OSError, RecursionError):
            return
