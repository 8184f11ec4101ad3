"""Reply and URC templates: text with `{name}` fields and `[...]` groups that vanish when a value is missing.

`+CEREG: {n},{stat}[,"{tac:04X}","{ci:08X}",{act}]` prints the bracketed part only while tac, ci and act are
all known. A backslash takes the next character literally.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

NAME_MARKS = "+*^$#%"
"""The characters that start the name of an extended command, and so of a reply line that carries its name."""


class _Field(NamedTuple):
    """A named value and its format specification."""

    name: str
    spec: str


class _Group(NamedTuple):
    """Parts that appear only when each field directly among them has a value."""

    parts: tuple[Any, ...]
    fields: tuple[str, ...]


@lru_cache(maxsize=4096)
def _compile(template: str) -> tuple[Any, ...]:
    parts, end = _parts(template, 0, nested=False)
    if end != len(template):
        raise ValueError(f"template {template!r}: ] without [ at {end}")
    return parts


def _parts(template: str, at: int, *, nested: bool) -> tuple[tuple[Any, ...], int]:
    """The parts from `at` up to the end of the template or the `]` that closes this group."""
    parts: list[Any] = []
    literal = ""
    while at < len(template) and template[at] != "]":
        char = template[at]
        if char in "{[":
            if literal:
                parts.append(literal)
                literal = ""
            part, at = (_field if char == "{" else _group)(template, at)
            parts.append(part)
            continue
        if char == "\\" and at + 1 < len(template):
            at += 1
            char = template[at]
        literal += char
        at += 1
    if nested and at >= len(template):
        raise ValueError(f"template {template!r}: [ is not closed")
    if literal:
        parts.append(literal)
    return tuple(parts), at


def _field(template: str, at: int) -> tuple[_Field, int]:
    end = template.find("}", at)
    if end < 0:
        raise ValueError(f"template {template!r}: {{ is not closed")
    name, _, spec = template[at + 1 : end].partition(":")
    if not name.isidentifier():
        raise ValueError(f"template {template!r}: {{{name}}} is not a name")
    return _Field(name, spec), end + 1


def _group(template: str, at: int) -> tuple[_Group, int]:
    parts, end = _parts(template, at + 1, nested=True)
    return _Group(parts, tuple(part.name for part in parts if isinstance(part, _Field))), end + 1


def _show(value: Any, spec: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return format(int(value), spec)
    if isinstance(value, bytes | bytearray):
        return format(value.hex().upper(), spec)
    return format(value, spec) if spec else str(value)


def _fill(parts: tuple[Any, ...], values: Mapping[str, Any]) -> str:
    text = ""
    for part in parts:
        if type(part) is str:
            text += part
        elif type(part) is _Field:
            text += _show(values[part.name], part.spec)
        elif all(values.get(name) is not None for name in part.fields):
            text += _fill(part.parts, values)
    return text


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template: None prints nothing, True 1, bytes upper-case hex.

    KeyError: a field outside every group has no value at all. ValueError: the template is malformed, or a
    value does not take the format.
    """
    return _fill(_compile(template), values)


def fields(template: str) -> set[str]:
    """The names a template uses (for the check of profiles); ValueError for a malformed template."""

    def walk(parts: tuple[Any, ...]) -> set[str]:
        names: set[str] = set()
        for part in parts:
            if isinstance(part, _Field):
                names.add(part.name)
            elif isinstance(part, _Group):
                names |= walk(part.parts)
        return names

    return walk(_compile(template))


@lru_cache(maxsize=1024)
def pattern(template: str) -> re.Pattern[str]:
    """What a line made from this template looks like, whatever its values are."""

    def shape(parts: tuple[Any, ...]) -> str:
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += re.escape(part)
            elif isinstance(part, _Field):
                text += ".*?"
            else:
                text += f"(?:{shape(part.parts)})?"
        return text

    return re.compile(shape(_compile(template)), re.DOTALL)


def line_name(line: str) -> str | None:
    """The command name that a reply or URC line starts with ("+CSQ"), None for a line without one.

    "+CME ERROR: 3" has none: its words are part of the result code.
    """
    colon = line.find(":")
    if colon < 2 or line[0] not in NAME_MARKS or " " in line[:colon]:
        return None
    return line[:colon]


def fit_spacing(line: str, space_after_colon: bool) -> str:
    """A line written as "+CSQ: 8,0" the way the module spaces it; "+CME ERROR: 3" always keeps its space."""
    if space_after_colon:
        return line
    name = line_name(line)
    if name is None or not line.startswith(": ", len(name)):
        return line
    return name + ":" + line[len(name) + 2 :]
