"""Whatever a module publishes is declared: as an event that a profile may have a line for, or as trace only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import modemsim
from modemsim.profile.events import EVENTS, TRACE_ONLY

PACKAGE = Path(modemsim.__file__).parent
MESSAGES = ("message", "packet", "ue")
"""First arguments of what is called `publish` and is about MQTT messages."""
LISTENERS = ("socket.asking", "socket.incoming", "socket.incoming_full")
"""What does not happen with TLS, which has no listeners."""


class Module:
    """One file: what its calls of `publish` say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        self.functions = [
            node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

    def published(self) -> Iterator[str]:
        """The events; raises AssertionError for one that cannot be found out."""
        for call in self.calls:
            if call.args and _name(call.func) in ("publish", "_publish"):
                event = call.args[0]
                if ast.unparse(event) not in MESSAGES:
                    found = self.strings(event)
                    assert found or self.passes_on(event), f"{self.path}:{call.lineno}: which event is it?"
                    yield from found

    def passes_on(self, event: ast.expr) -> bool:
        """Whether the event is what another part of the module published."""
        return any(
            isinstance(event, ast.Name) and event.id == "event" and function.name == "_publish"
            for function in self.around(event)
        ) or ast.unparse(event).startswith("event.replace(")

    def around(self, node: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions that a node stands in, the innermost first."""
        return [one for one in reversed(self.functions) if any(node is inner for inner in ast.walk(one))]

    def strings(self, node: ast.expr) -> list[str]:
        """What an expression can be; empty when nobody can say."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.FormattedValue):
            return self.strings(node.value)
        if isinstance(node, ast.IfExp):
            return self.strings(node.body) + self.strings(node.orelse)
        if isinstance(node, ast.JoinedStr):
            return ["".join(parts) for parts in product(*map(self.strings, node.values))]
        if isinstance(node, ast.Subscript):
            return [value for table in self.assigned(node.value, self.tree) for value in self.values(table)]
        return self.variable(node) if isinstance(node, ast.Name) else []

    def values(self, table: ast.expr) -> list[str]:
        """The values of a table that is written out."""
        found = table.values if isinstance(table, ast.Dict) else []
        return [value for one in found for value in self.strings(one)]

    def variable(self, name: ast.Name) -> list[str]:
        """What the innermost function puts into a variable, or is given for it as its first argument."""
        for function in self.around(name)[:1]:
            values = self.assigned(name, function)
            if not values and name.id in [argument.arg for argument in function.args.args[:2]]:
                values = [
                    call.args[0] for call in self.calls if call.args and _name(call.func) == function.name
                ]
            return [value for one in values for value in self.strings(one)]
        return []

    def assigned(self, name: ast.expr, where: ast.AST) -> list[ast.expr]:
        """What is assigned to a name."""
        said = [node for node in ast.walk(where) if isinstance(node, ast.Assign)]
        return [node.value for node in said if ast.unparse(node.targets[0]) == ast.unparse(name)]


def _name(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


def test_every_published_event_is_declared_and_every_declared_one_published() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "lwm2m"]
    sockets = set(Module(PACKAGE / "ue" / "sockets.py").published()) - set(LISTENERS)
    secured = {event.replace("socket.", "ssl.") for event in sockets if event.startswith("socket.")}
    published = {event for path in files for event in Module(path).published()} | secured
    own = {event for event in published if not event.startswith("lwm2m.")}  # a client tells those its session
    assert own == EVENTS.keys() | TRACE_ONLY.keys()


def test_an_event_is_declared_once() -> None:
    assert not EVENTS.keys() & TRACE_ONLY.keys()
