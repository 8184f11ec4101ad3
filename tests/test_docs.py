"""What the pages under docs/ leave out of the code is found here."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modemsim.control.app import PREFIX, create_app

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from generate import MACHINES, machines_page

ROOT = Path(__file__).parents[1]


def _tables() -> Iterator[tuple[str, str]]:
    """File and name of every table of a state machine in the package."""
    for path in sorted((ROOT / "modemsim").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Name) and target.id.endswith("TRANSITIONS"):
                    yield path.relative_to(ROOT).as_posix(), target.id


@pytest.mark.parametrize(("file", "name"), list(_tables()))
def test_every_state_machine_is_drawn(file: str, name: str) -> None:
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    table: Mapping[Any, Any] = getattr(module, name)
    assert [drawn for drawn, where in MACHINES.values() if drawn is table and where == file] == [table]


def test_every_diagram_has_all_edges() -> None:
    assert machines_page().count(" --> ") == sum(len(table) for table, _ in MACHINES.values())


def _strings(schema: Any) -> Iterator[str]:
    """The words that a schema permits, at any depth."""
    if isinstance(schema, dict):
        yield from (word for word in schema.get("enum", []) if isinstance(word, str))
        for inner in schema.values():
            yield from _strings(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _strings(inner)


def test_the_control_api_is_described() -> None:
    """Every call, every field of what comes in and goes out, every word that has a meaning."""
    page = (ROOT / "docs" / "control-api.md").read_text(encoding="utf-8")
    simulation: Any = SimpleNamespace(world=None, trace=None)
    api = create_app(simulation).openapi()
    calls = [
        (f"{method.upper()} {path.removeprefix(PREFIX)}", operation)
        for path, operations in api["paths"].items()
        for method, operation in operations.items()
    ]
    missing = [call for call, _ in calls if not re.search(rf"`{re.escape(call)}[`?]", page)]
    queries = {
        query["name"] for _, call in calls for query in call.get("parameters", []) if query["in"] == "query"
    }
    missing += [name for name in queries if f"?{name}=" not in page]
    code = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", page))))
    fields = {name for schema in api["components"]["schemas"].values() for name in schema["properties"]}
    words = set(_strings(api["components"]["schemas"]))
    assert [*missing, *sorted(fields - code), *sorted(words - set(re.findall(r"\w+", page)))] == []
