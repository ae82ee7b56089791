"""The command init: a grid file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.core.errors import UserError
from resbench.core.text import NAME_RULE, is_name, printable


def init(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="To write: my-question.yaml by default, or my-NAME.yaml.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="Copy this grid, see `resbench ls grids`; or a file.")
    ] = None,
) -> None:
    """Write a commented grid file to start from.

    It runs as it stands, in less than a minute, and has an example of each key. A copy brings the plug-ins of its grid along.
    Nothing is ever overwritten.

    \b
    Examples:
      resbench init
      resbench init widths.yaml
      resbench init --from depth
    """
    from resbench.grid.shipped import resolve
    from resbench.grid.starter import copied, starter

    original, _ = resolve(source) if source else ("", "")
    path = file or Path(f"my-{Path(original).stem or 'question'}.yaml")
    path = path if path.suffix else path.with_suffix(".yaml")
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"{path}: a grid file ends in .yaml")
    if not is_name(path.stem):
        raise UserError(f"{path}: {path.stem!r} cannot be the name of a study: {NAME_RULE}")
    text = copied(_read(original), path.stem, Path(original).name) if original else starter(path.stem)
    plugins = _plugins(original, path.parent) if original else {}
    _write({path: text, **plugins})
    print(printable(f"{path}: written{f' from {original}' if original else ''}"))
    for plugin in plugins:
        print(printable(f"{plugin}: written, its plug-in"))
    print("next:")
    for line in _next(path, text):
        print(line)


def _read(original: str) -> str:
    try:
        return Path(original).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"{original}: cannot be read: {reason}") from None


def _plugins(original: str, folder: Path) -> dict[Path, str]:
    """The plug-ins that a grid file names from its folder, as they go with a copy; without those that are there already."""
    from resbench.core.yaml_reader import parse

    root = parse(_read(original)).value
    named = root.get("plugins", []) if isinstance(root, dict) else []
    names = [name for name in ([named] if isinstance(named, str) else named or []) if isinstance(name, str)]
    names = [name for name in names if not Path(name).is_absolute()]
    if outside := [name for name in names if ".." in Path(name).parts]:
        raise UserError(f"{original}: its plug-in {outside[0]} is outside of its folder: copy both yourself")
    texts = {folder / name: _read(str(Path(original).parent / name)) for name in names}
    return {path: text for path, text in texts.items() if not path.is_file() or _read(str(path)) != text}


def _write(texts: dict[Path, str]) -> None:
    """Write new files, or none if one of them is there."""
    first = next(iter(texts))
    if not first.parent.is_dir():
        raise UserError(f"{first}: there is no folder {first.parent}: make it first")
    for path in texts:
        if path.exists():
            raise UserError(f"{path}: is there already, and is not overwritten: name another file")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as new:
            new.write(text)


def _next(path: Path, text: str) -> list[str]:
    import shlex

    from resbench.core.yaml_reader import parse

    name = shlex.quote(str(path))
    searched = "search" in (parse(text).value or {})
    plan = f"resbench tune {name} -n" if searched else f"resbench plan {name}"
    rows = [
        (plan, "what would be trained, and how long it takes"),
        (f"resbench {'tune' if searched else 'run'} {name}", "train it: table and page; the same command goes on"),
        (f"resbench check {path.stem}", "the verdict on each claim"),
        ("resbench ls axes", "what else can be varied; resbench explain NAME says what it means"),
    ]
    left = max(len(command) for command, _ in rows)
    return [f"  {command:{left}}  # {text}" for command, text in rows]
