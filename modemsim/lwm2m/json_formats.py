"""The two JSON formats: that of LwM2M 1.0 (TS 1.0.2, 6.4.4) and SenML JSON of 1.1 (TS 1.1.1, 7.4.4; RFC
8428).

Both carry values by path; objects and kinds are somebody else's business.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modemsim.lwm2m.model import Kind, Path, Value

Leaf = tuple[Path, Kind, Value]
"""One value with its full path (object, instance, resource and, in a multiple one, resource instance)."""

_LARGEST_ID = 65535
_NAMES: Mapping[bool, Mapping[Kind, str]] = {
    False: {Kind.STRING: "sv", Kind.BOOLEAN: "bv", Kind.OPAQUE: "sv", Kind.OBJLNK: "ov"},
    True: {Kind.STRING: "vs", Kind.BOOLEAN: "vb", Kind.OPAQUE: "vd", Kind.OBJLNK: "vlo"},
}
_NUMBER = "v"


def encode(base: Path, leaves: Iterable[Leaf], *, senml: bool) -> bytes:
    """Values at or below `base` as one document; names are relative to its object instance or object."""
    stem = base[:2]
    entries: list[dict[str, Any]] = []
    for path, kind, value in leaves:
        name = "/".join(map(str, path[len(stem) :]))
        entries.append({"n": name, _NAMES[senml].get(kind, _NUMBER): _shown(kind, value, senml)})
    base_name = "/" + "/".join(map(str, stem)) + "/"
    if not senml:
        return _dump({"bn": base_name, "e": entries})
    if entries:
        entries[0] = {"bn": base_name, **entries[0]}
    return _dump(entries)


def _dump(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _shown(kind: Kind, value: Value, senml: bool) -> Any:
    if isinstance(value, bytes):
        return (
            base64.urlsafe_b64encode(value).rstrip(b"=").decode()
            if senml
            else base64.b64encode(value).decode()
        )
    return f"{value[0]}:{value[1]}" if isinstance(value, tuple) else value


def decode(base: Path, payload: bytes, kind_of: Callable[[Path], Kind], *, senml: bool) -> dict[Path, Value]:
    """The values of a document by full path, in its order.

    `kind_of` tells the kind of a path and may raise what it likes for one that does not exist. Raises
    ValueError for what is no such document, names something outside `base`, or holds a value of another kind.
    """
    try:
        document = json.loads(payload)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from None
    stem, entries = ("", document) if senml else _head(document)
    if not isinstance(entries, list) or not entries:
        raise ValueError("no list of entries")
    found: dict[Path, Value] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError("an entry is no object")
        stem = _text(entry, "bn", stem)
        path = _path(stem + _text(entry, "n", ""))
        if path[: len(base)] != base or path in found:
            raise ValueError(f"the path {path} is not wanted here")
        found[path] = _value(kind_of(path), entry, senml)
    return found


def _head(document: object) -> tuple[str, object]:
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return _text(document, "bn", ""), document.get("e")


def _text(entry: Mapping[str, Any], name: str, default: str) -> str:
    value = entry.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no string")
    return value


def _path(name: str) -> Path:
    parts = name.strip("/").split("/")
    if not 3 <= len(parts) <= 4 or not all(
        p.isascii() and p.isdigit() and int(p) <= _LARGEST_ID for p in parts
    ):
        raise ValueError(f"{name!r} names no resource")
    return tuple(map(int, parts))


def _value(kind: Kind, entry: Mapping[str, Any], senml: bool) -> Value:
    value = entry.get(_NAMES[senml].get(kind, _NUMBER))
    if isinstance(value, bool):
        if kind is Kind.BOOLEAN:
            return value
    elif isinstance(value, int | float):
        if kind in (Kind.INTEGER, Kind.TIME) and value == int(_finite(value)) and abs(value) < 1 << 63:
            return int(value)
        if kind is Kind.FLOAT:
            return float(_finite(value))
    elif isinstance(value, str):
        return _parsed(kind, value, senml)
    raise ValueError(f"no {kind} in {sorted(entry)}")


def _finite(value: int | float) -> int | float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return value


def _parsed(kind: Kind, text: str, senml: bool) -> Value:
    if kind is Kind.STRING:
        return text
    if kind is Kind.OPAQUE:
        try:
            return base64.b64decode(
                text + "=" * (-len(text) % 4), altchars=b"-_" if senml else None, validate=True
            )
        except binascii.Error as problem:
            raise ValueError(str(problem)) from None
    head, colon, tail = text.partition(":")
    ids = [int(part) for part in (head, tail) if part.isascii() and part.isdigit()]
    if kind is not Kind.OBJLNK or not colon or len(ids) != 2 or max(ids) > _LARGEST_ID:
        raise ValueError(f"{text!r} is no {kind}")
    return ids[0], ids[1]
