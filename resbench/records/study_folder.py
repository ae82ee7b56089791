"""The folder of a study and the question in it, `study.json`."""

from __future__ import annotations

from pathlib import Path

from resbench.core.errors import LaterVersion, UserError
from resbench.records.study_file import StudyFile


class StudyFolder:
    """`results/<study>`, with `.work/` for what is unfinished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / ".work"

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
