"""Studies that are named by their grid files, and grid files that were edited since their studies were run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.errors import UserError
from resbench.core.text import is_name

if TYPE_CHECKING:
    from resbench.records.changes import Change
    from resbench.records.study_file import StudyFile

_NOT_EXECUTED = (
    "{name}: its grid file, or code of its own that this names, has changed since it was run, or it was run elsewhere: "
    "the code is executed only where the file is named, as in `resbench check {path}`: this is the study as it was run"
)


def study_of(given: str, results: Path) -> tuple[str, Path | None]:
    """The name of a study, and its grid file where that was given in its place.

    Raises:
        UserError: the file cannot be read.
    """
    from resbench.core.yaml_reader import parse
    from resbench.grid.shipped import resolve
    from resbench.records.study_file import StudyFile

    path = Path(given).expanduser()
    if path.suffix in (".yaml", ".yml"):
        path = Path(resolve(given)[0]).expanduser()
    if (results / given).is_dir() or not (path.suffix in (".yaml", ".yml") or path.is_file()):
        return given, None
    try:
        document = parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"{given}: cannot be read: {reason}") from None
    if document.mistakes:
        raise UserError(f"{given}:{line}: {text}" for line, text in document.mistakes)
    root = document.value if isinstance(document.value, dict) else {}
    name = root.get("name", path.stem)
    if not is_name(name):
        _read(StudyFile(schema=1, runs=[]), path)  # says why
    return str(name), path


def changes_of(name: str, results: Path, given: Path | None = None) -> Change:
    """What has changed in the grid file of a study since the study was run.

    Results may be those of somebody else: code that the file names is executed only where the file itself is given.

    Args:
        given: the file; by default where it was when it was run.

    Raises:
        UserError: the file has mistakes; one line for each.
    """
    from resbench.core.own_code import nothing_executed
    from resbench.records.changes import Change, change
    from resbench.records.command import taken_in
    from resbench.records.store import Store
    from resbench.records.takeover import grid_file

    if not is_name(name):
        return Change()  # there is no such study, which its reader says
    store = Store(results / name)
    stored = store.study()
    if not stored or not (stored.file or given):
        return Change()  # its grid was made in Python, or it has no question
    path = given or grid_file(stored, store)
    if not path:
        return Change()  # the study is elsewhere, and is what it was when it was run
    if taken_in(store, stored, path):
        return Change()
    if given:
        now = _read(stored, path)
    else:
        with nothing_executed() as refused:
            try:
                now = _read(stored, path)
            except UserError:
                if not refused:
                    raise
        if refused:
            return Change(note=_NOT_EXECUTED.format(name=name, path=path))
    found = change(stored, now)
    return found._replace(file=store.succeeding(found.file)) if found.file else found


def _read(stored: StudyFile, path: Path) -> StudyFile:
    """The study that the file asks for now."""
    if stored.command == "tune":
        from resbench.tuning.reader import load_search

        search = load_search(path, stored.overrides)
        said = {"name": search.name, "claims": search.claims, "family": search.family, "about": search.about}
        return stored.model_copy(update=said | ({"story": search.story} if search.story or stored.story else {}))
    from resbench.grid.reader import read_grid

    return read_grid(path, stored.overrides).study()
