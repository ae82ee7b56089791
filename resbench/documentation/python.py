"""The page on Python: what `import resbench` offers, and what plug-ins import, from docstrings."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

import resbench
from resbench.core.config import Config
from resbench.core.docstrings import Docstring, docstring
from resbench.core.tables import TABLES
from resbench.documentation.markdown import MADE, block, bullets, code, page, paragraphs, prose, table
from resbench.documentation.types import plain_type
from resbench.reference.declared import declarations, is_table_of
from resbench.report import api
from resbench.report.format import capitalised

# what a plug-in imports: module -> its names
FOR_PLUGINS = {
    "resbench.model.shortcut": ("Joint", "Sum"),
    "resbench.model.unit": ("Order",),
    "resbench.model.branch": ("Branch",),
    "resbench.model.family": ("DepthFamily",),
    "resbench.training.recipe": ("RecipeConfig",),
    "resbench.data.dataset": ("Dataset",),
    "resbench.data.loading": ("Normalizer",),
    "resbench.probes.subject": ("Probe", "Subject"),
    "resbench.records.metrics": ("Metric",),
}


def python_page() -> str:
    """Everything that is meant to be imported."""
    names = {name: getattr(resbench, name) for name in resbench.__all__}
    return page(
        "Python",
        [f"What `import resbench` offers, and what plug-ins import. {MADE}", ""],
        table(
            ["name", "what it is or does"], ([f"[{name}](#{name.lower()})", _summary(of)] for name, of in names.items())
        ),
        ["Of a mistake in what it is given, each raises [UserError](#usererror), with a line for each mistake.", ""],
        *(_entry(name, of) for name, of in names.items()),
        _tables(),
        ["## For plug-ins", ""],
        *(_entry(name, getattr(importlib.import_module(module), name), module) for module, name in _plugin_names()),
    )


def _plugin_names() -> Iterator[tuple[str, str]]:
    for module, names in FOR_PLUGINS.items():
        for name in names:
            yield module, name


def _summary(of: Any) -> str:
    return prose(docstring(_callable(of)).text.partition("\n\n")[0])


def _callable(of: Any) -> Any:
    """What is called: of the package `report`, which can be called, its function."""
    return api.report if inspect.ismodule(of) else of


def _entry(name: str, of: Any, module: str = "") -> Iterator[str]:
    said = docstring(_callable(of))
    yield from [f"### {name}" if module else f"## {name}", ""]
    yield from block("py", f"from {module or 'resbench'} import {name}")
    yield from paragraphs(said.text)
    if isinstance(of, type) and issubclass(of, Config):
        yield from bullets(["its fields: [grid file](grid-file.md#fields)"])
    elif isinstance(of, type):
        yield from _class(of, said)
    else:
        yield from _function(_callable(of), name, said)
    for label, text in (("returns", said.returns), ("raises", said.raises)):
        yield from bullets([f"{label}: {prose(text)}"] if text else [])
    yield from block("pycon", said.example) if said.example else []


def _class(of: type, said: Docstring) -> list[str]:
    """The attributes of a class, and what its methods do."""
    if issubclass(of, BaseModel):
        rows = [(name, plain_type(info)) for name, info in of.model_fields.items()]
    elif dataclasses.is_dataclass(of):
        rows = [(field.name, code(_spelled(field.type))) for field in dataclasses.fields(of) if field.name[:1] != "_"]
    else:
        rows = []
    fields = table(
        ["attribute", "type", "meaning"],
        ([code(name), kind, capitalised(prose(said.names.get(name, "")))] for name, kind in rows),
    )
    methods = (
        [
            code(f"{name}{_arguments(method)}" if callable(method) else name),
            prose(docstring(method).text.partition("\n\n")[0]),
        ]
        for name, method in vars(of).items()
        if name[:1] != "_"
        and name not in dict(rows)
        and method.__doc__
        and (inspect.isfunction(method) or isinstance(method, property))
    )
    return [*fields, *table(["method", "what it does"], methods)]


def _spelled(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _arguments(function: Any) -> str:
    return f"({', '.join(name for name in inspect.signature(function).parameters if name != 'self')})"


def _function(of: Any, name: str, said: Docstring) -> Iterator[str]:
    signature = inspect.signature(of)
    parameters = [one for one in signature.parameters.values() if one.name != "self"]
    lines = [f"    {_parameter(one)}," for one in parameters]
    if any(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters):
        first = next(index for index, one in enumerate(parameters) if one.kind is inspect.Parameter.KEYWORD_ONLY)
        lines.insert(first, "    *,")
    yield from block("py", "\n".join([f"{name}(", *lines, f") -> {_spelled(signature.return_annotation)}"]))
    yield from table(
        ["argument", "meaning"], ([code(one.name), prose(said.names.get(one.name, ""))] for one in parameters)
    )


def _parameter(one: inspect.Parameter) -> str:
    default = "" if one.default is one.empty else f" = {_shown(one.default)}"
    return f"{one.name}: {_spelled(one.annotation)}{default}"


def _shown(default: object) -> str:
    """A default; `...` in place of one that has an address, or a path of this machine."""
    text = repr(default)
    return "..." if " object at 0x" in text else text


def _tables() -> Iterator[str]:
    yield from ["## Tables", "", "A plug-in has one or more of these tables. A value of it is what the type says.", ""]
    yield from table(["table", "type of a value", "field"], map(_table, sorted(TABLES)))
    yield from [
        "[Own code](../own-code.md) has examples; four that run are in [ablations/plugins](../../ablations/plugins).",
        "",
    ]


def _table(name: str) -> list[str]:
    fields = [path for path in declarations() if is_table_of(path, TABLES[name])]
    links = [f"[{path}](grid-file.md#{path.replace('.', '')})" for path in fields]
    return [code(name), code(_type_of(name)), ", ".join(links) or "[probes](grid-file.md#probes)"]


def _type_of(name: str) -> str:
    """The type of the values of a table, as its module declares it."""
    for module in [one for key, one in sys.modules.items() if key.startswith("resbench.")]:
        declared = str(vars(module).get("__annotations__", {}).get(name, ""))
        if declared.startswith("Table["):
            return declared.removeprefix("Table[").removesuffix("]")
    return "Probe"
