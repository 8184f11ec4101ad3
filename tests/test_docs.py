"""What the pages under docs/ leave out of the code is found here."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

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
