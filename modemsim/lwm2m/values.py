"""Resource values as text and as TLV octets, by kind (OMA LwM2M 1.0, appendix C and 6.4.3)."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct

from modemsim.lwm2m.model import Kind, Value

_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_LINK = re.compile(r"(\d{1,5}):(\d{1,5})", re.ASCII)
_WIDTHS = (1, 2, 4, 8)
_LARGEST_ID = 0xFFFF


def _integer(number: int) -> int:
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{number} does not fit in 64 bits")
    return number


def _link(object_id: int, instance_id: int) -> tuple[int, int]:
    if max(object_id, instance_id) > _LARGEST_ID:
        raise ValueError("an object link holds two 16 bit numbers")
    return object_id, instance_id


def parse_text(kind: Kind, text: str) -> Value:
    """A value from its plain text form; raises ValueError. Opaque values are base64."""
    if kind is Kind.STRING:
        return text
    if kind is Kind.BOOLEAN and text in ("0", "1"):
        return text == "1"
    if kind in (Kind.INTEGER, Kind.TIME) and _INTEGER.fullmatch(text):
        return _integer(int(text))
    if kind is Kind.FLOAT and _FLOAT.fullmatch(text):
        return float(text)
    if kind is Kind.OPAQUE:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as problem:
            raise ValueError(str(problem)) from None
    match = _LINK.fullmatch(text) if kind is Kind.OBJLNK else None
    if match is None:
        raise ValueError(f"{text!r} is no {kind}")
    return _link(int(match[1]), int(match[2]))


def format_text(kind: Kind, value: Value) -> str:
    """The plain text form of a value; raises TypeError when the value is not of that kind."""
    _check(kind, value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple):
        return f"{value[0]}:{value[1]}"
    return str(value)


def parse_octets(kind: Kind, data: bytes) -> Value:
    """A value from the octets of a TLV record; raises ValueError."""
    if kind is Kind.STRING:
        return data.decode()
    if kind is Kind.OPAQUE:
        return data
    if kind is Kind.BOOLEAN and data in (b"\x00", b"\x01"):
        return data == b"\x01"
    if kind in (Kind.INTEGER, Kind.TIME) and len(data) in _WIDTHS:
        return int.from_bytes(data, "big", signed=True)
    if kind is Kind.FLOAT and len(data) in (4, 8):
        return float(struct.unpack(">f" if len(data) == 4 else ">d", data)[0])
    if kind is Kind.OBJLNK and len(data) == 4:
        return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
    raise ValueError(f"{len(data)} octets are no {kind}")


def format_octets(kind: Kind, value: Value) -> bytes:
    """The octets of a value in a TLV record, as short as its kind allows; raises TypeError or ValueError."""
    _check(kind, value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    if isinstance(value, tuple):
        return struct.pack(">HH", *value)
    if kind is Kind.FLOAT:
        return _float_octets(float(value))
    number = _integer(int(value))
    width = next(w for w in _WIDTHS if -(1 << 8 * w - 1) <= number < 1 << 8 * w - 1)
    return number.to_bytes(width, "big", signed=True)


def _float_octets(value: float) -> bytes:
    try:
        short = struct.pack(">f", value)
    except OverflowError:
        return struct.pack(">d", value)
    exact = math.isnan(value) or struct.unpack(">f", short)[0] == value
    return short if exact else struct.pack(">d", value)


_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.INTEGER: (int,),
    Kind.TIME: (int,),
    Kind.FLOAT: (float, int),
    Kind.BOOLEAN: (bool,),
    Kind.OPAQUE: (bytes,),
    Kind.OBJLNK: (tuple,),
}


def _check(kind: Kind, value: Value) -> None:
    """A provider that gives the wrong type is a mistake in the simulator, not in a request."""
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind is not Kind.BOOLEAN):
        raise TypeError(f"{value!r} is no value of a resource of type {kind}")
