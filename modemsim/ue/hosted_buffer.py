"""Requests of a server on their way to the host: their spelling, and the buffer that AT+QLWRD empties."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from modemsim.at.template import render
from modemsim.lwm2m.hosted import Asked, HostedRequest, ResourceValue
from modemsim.lwm2m.model import Kind, Value
from modemsim.lwm2m.values import parse_text

TYPES = {Kind.STRING: 1, Kind.OPAQUE: 2, Kind.INTEGER: 3, Kind.FLOAT: 4, Kind.BOOLEAN: 5}
"""Resource types by the numbers of the QLW commands."""

_KINDS = {number: kind for kind, number in TYPES.items()}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")

WHOLE_INSTANCE = -1
"""What stands for the resource where the server asks for a whole instance."""


def request_lines(
    request: HostedRequest, spelling: Mapping[str, str | int], *, quoted: bool
) -> Iterator[str]:
    """The lines that tell a request, one for each value written; the last has index 0."""
    path = request.path
    common: dict[str, Any] = {
        "message_id": request.message_id,
        "object": path[0],
        "instance": path[1],
        "resource": path[2] if len(path) == 3 else WHOLE_INSTANCE,
        "flag": int(request.cancel),
    }
    template = str(spelling[request.asked])
    if request.asked is not Asked.WRITE:
        yield render(template, common)
        return
    for index, written in zip(range(len(request.written) - 1, -1, -1), request.written, strict=True):
        yield render(template, {**common, **_value_fields(written, quoted=quoted), "index": index})


def _value_fields(written: ResourceValue, *, quoted: bool) -> dict[str, Any]:
    value = written.value
    if isinstance(value, bytes):
        octets, text = value, value.hex().upper()
        text = f'"{text}"' if quoted else text
    else:
        octets, text = str(value).encode(), f'"{value}"'
    return {
        "resource": written.resource,
        "type": TYPES[written.kind],
        "length": len(octets),
        "value": text,
    }


def resource_value(resource: int, type: int, length: int, text: str) -> ResourceValue:
    """A value as the host writes it, by its type; raises ValueError for one not of the type or too long."""
    kind = _KINDS[type]
    value: Value
    if kind is Kind.STRING and len(text) <= length:
        value = text
    elif kind is Kind.OPAQUE and len(text) <= 2 * length and " " not in text:
        value = bytes.fromhex(text)
    elif kind is Kind.INTEGER and _INTEGER.fullmatch(text):
        value = int(text)
    elif kind in (Kind.FLOAT, Kind.BOOLEAN):
        value = parse_text(kind, text)
    else:
        raise ValueError(f"{text!r} is no value of type {type} in {length} octets")
    return ResourceValue(resource, kind, value)


class Series:
    """Values of one instance that the host gives command by command; the index counts down to 0."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._next: int | None = None
        self._values: list[ResourceValue] = []

    def add(self, key: Hashable, index: int, value: ResourceValue) -> tuple[ResourceValue, ...] | None:
        """Take a value; all of them once the series is complete. ValueError: not what has to come next."""
        if self._next is not None and (key, index) != (self._key, self._next):
            self._next = None
            self._values = []
            raise ValueError(f"index {index} does not go on")
        self._values.append(value)
        if index:
            self._key, self._next = key, index - 1
            return None
        complete = tuple(self._values)
        self._next = None
        self._values = []
        return complete


class RequestBuffer:
    """Request lines that wait to be read; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: str, max_items: int, max_bytes: int) -> bool:
        """Keep a line; True when it is the first that waits."""
        self._lines.append(line)
        while len(self._lines) > max_items or sum(map(len, self._lines)) > max_bytes:
            self._lines.pop(0)
        return len(self._lines) == 1

    def take(self) -> str | None:
        """The oldest line, removed; None when nothing waits."""
        return self._lines.pop(0) if self._lines else None

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
