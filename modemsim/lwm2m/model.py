"""What an LwM2M object is: its declaration by OMA, and an instance of it with values and reactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiocoap.numbers.codes import Code

Path = tuple[int, ...]
"""Object, instance and resource id, as far as given: (3,), (3, 0), (3, 0, 9)."""

ObjectLink = tuple[int, int]
"""The value of an Objlnk resource: object id and instance id."""

Value = str | int | float | bool | bytes | ObjectLink
"""One resource value; the resource's kind says which type it has."""

Values = Value | dict[int, Value]
"""The value of a single resource, or the values of a multiple one by resource instance id."""


class Refusal(Exception):
    """A request that is answered with an error code; handlers may raise it."""

    def __init__(self, code: Code) -> None:
        super().__init__(str(code))
        self.code = code


class Kind(StrEnum):
    """Data types of resources, OMA LwM2M 1.0 appendix C."""

    STRING = "String"
    INTEGER = "Integer"
    FLOAT = "Float"
    BOOLEAN = "Boolean"
    OPAQUE = "Opaque"
    TIME = "Time"
    OBJLNK = "Objlnk"

    @property
    def numeric(self) -> bool:
        """Whether gt, lt and st make sense for it (OMA LwM2M 1.0, 5.1.2)."""
        return self in (Kind.INTEGER, Kind.FLOAT, Kind.TIME)


class Operation(StrEnum):
    """What a server asks of a device."""

    READ = "read"
    DISCOVER = "discover"
    WRITE = "write"
    ATTRIBUTES = "write-attributes"
    EXECUTE = "execute"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as its specification declares it; operations are one of "R", "W", "RW", "E", ""."""

    id: int
    name: str
    operations: str
    type: Kind = Kind.STRING
    multiple: bool = False
    mandatory: bool = False
    source: str = ""

    @property
    def readable(self) -> bool:
        """Whether Read is declared."""
        return "R" in self.operations

    @property
    def writable(self) -> bool:
        """Whether Write is declared."""
        return "W" in self.operations

    @property
    def executable(self) -> bool:
        """Whether Execute is declared."""
        return "E" in self.operations


@dataclass(frozen=True, slots=True)
class ObjectModel:
    """One object as its specification declares it; `multiple` allows more than one instance."""

    id: int
    name: str
    version: str
    multiple: bool
    resources: Mapping[int, Resource]


@dataclass(eq=False, slots=True)
class ObjectInstance:
    """An instance of an object: the resources it has, where their values come from, what writing them does.

    A resource exists when it is in `values`, `on_write`, `on_part` or `on_execute`. A value may be a
    function, asked at each read. Handlers get typed values; ValueError from one is answered 4.00, `Refusal`
    with its own code.
    """

    model: ObjectModel
    id: int = 0
    values: dict[int, Values | Callable[[], Values]] = field(default_factory=dict)
    on_write: dict[int, Callable[[Values], None]] = field(default_factory=dict)
    on_execute: dict[int, Callable[[bytes], None]] = field(default_factory=dict)
    on_part: dict[int, Callable[[int, bytes, bool], None]] = field(default_factory=dict)
    """Resources whose payload is taken as it comes in by Block1: offset, octets, whether more follow."""
    denied: frozenset[Operation] = frozenset()
    """Operations answered 4.01 Unauthorized."""
    raw: frozenset[int] = frozenset()
    """Resources that take a written payload as it is, whatever its format, and are notified by hand."""
    hosted: bool = False
    """Whether the module's host, not the module, answers what the server asks about this instance."""

    @property
    def path(self) -> Path:
        """Object and instance id."""
        return self.model.id, self.id

    def resources(self) -> list[Resource]:
        """The resources that exist here, in the order of their ids."""
        present = {*self.values, *self.on_write, *self.on_part, *self.on_execute}
        return [resource for rid, resource in sorted(self.model.resources.items()) if rid in present]

    def read(self, resource_id: int) -> Values:
        """The present value; raises KeyError when the resource has none (write-only or executable)."""
        value = self.values[resource_id]
        return value() if callable(value) else value

    def write(self, resource_id: int, value: Values) -> None:
        """Hand a value to the resource's handler, or keep it; raises Refusal 4.05 if neither is possible."""
        if resource_id in self.on_write:
            self.on_write[resource_id](value)
        elif resource_id in self.on_part:
            self.on_part[resource_id](0, value if isinstance(value, bytes) else b"", False)
        elif callable(self.values.get(resource_id)):
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        else:
            self.values[resource_id] = value
