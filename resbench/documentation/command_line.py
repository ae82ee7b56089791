"""The page on the command line: every command, argument and option, from what parses them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import typer

from resbench.cli.app import GROUPS, app
from resbench.documentation.markdown import MADE, block, code, page, paragraphs, prose, table

_CODES = (
    ("0", "done"),
    ("1", "some runs failed, or the disk or the cluster did; of `check`, a claim is not supported"),
    ("2", "wrong usage, and nothing ran"),
    ("130, 143", "interrupted by Ctrl-C or SIGTERM; the same command goes on"),
)


def command_line_page() -> str:
    """Every command in its group, in the order of use."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = {name: command for name, command in commands.items() if not command.hidden}
    parts = [line for group in GROUPS for line in _group(group, shown)]
    return page(
        "Command line",
        [
            f"Every command of `resbench`, with its options. `resbench COMMAND --help` says the same. {MADE}",
            "",
            "Answers go to stdout, progress to stderr. Settings of runs are no options: they are written `path=value`, as in "
            "`recipe.epochs=1`.",
            "",
        ],
        table(["exit code", "meaning"], _CODES),
        parts,
    )


def _group(group: str, commands: dict[str, Any]) -> Iterator[str]:
    ours = {name: one for name, one in commands.items() if getattr(one, "rich_help_panel", None) == group}
    if ours:
        yield from [f"## {group}", ""]
    for name, command in ours.items():
        yield from _command(f"resbench {name}", command)
        for inner, part in getattr(command, "commands", {}).items():
            yield from _command(f"resbench {name} {inner}", part)


def _command(name: str, command: Any) -> Iterator[str]:
    yield from [f"### {name}", ""]
    for part in (command.help or "").split("\n\n"):
        yield from _verbatim(part.removeprefix("\b\n")) if part.startswith("\b\n") else paragraphs(part)
    if getattr(command, "commands", None):
        return
    shown = [one for one in command.params if not one.hidden and one.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    yield from table(["argument", "meaning"], ([code(_takes(one)), prose(one.help or "")] for one in arguments))
    yield from table(["option", "default", "meaning"], map(_option, options))


def _verbatim(text: str) -> list[str]:
    """Examples, as commands, or a script that is longer than one."""
    heading, _, examples = text.partition("\n")
    return block("bash", textwrap.dedent(examples)) if heading == "Examples:" else block("sh", textwrap.dedent(text))


def _option(option: Any) -> list[str]:
    names = ", ".join([*option.opts, *option.secondary_opts])
    takes = "" if option.is_flag else f" {_takes(option)}"
    variable = f" Also set by `{option.envvar}`." if option.envvar else ""
    return [code(f"{names}{takes}"), _default(option), prose(option.help or "") + variable]


def _takes(parameter: Any) -> str:
    """What stands behind an option, or for an argument: `PATH`."""
    return str(parameter.metavar or parameter.name.upper())


def _default(option: Any) -> str:
    if option.required:
        return "has to be given"
    if option.default in (None, False, "") or callable(option.default):
        return ""
    return code("on" if option.default is True else str(option.default))
