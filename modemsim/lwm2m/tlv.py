"""The TLV format of LwM2M (OMA LwM2M 1.0, 6.4.3): records and octets, without knowledge of objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

_LONG_ID = 0x20
_LENGTH_TYPE = 3
_LONGEST_SHORT = 7
_LARGEST_ID = 0xFFFF
_LARGEST_LENGTH = 0xFFFFFF


class Level(IntEnum):
    """What a record stands for: bits 7 and 6 of its first octet."""

    OBJECT_INSTANCE = 0
    RESOURCE_INSTANCE = 1
    MULTIPLE_RESOURCE = 2
    RESOURCE = 3


_CHILDREN = {
    Level.OBJECT_INSTANCE: (Level.MULTIPLE_RESOURCE, Level.RESOURCE),
    Level.MULTIPLE_RESOURCE: (Level.RESOURCE_INSTANCE,),
}
_TOP = (Level.OBJECT_INSTANCE, Level.MULTIPLE_RESOURCE, Level.RESOURCE)


class TlvError(ValueError):
    """Octets that are no TLV records, or records that have no octets."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `value` for a resource or resource instance, `children` for what contains others."""

    level: Level
    id: int
    value: bytes = b""
    children: tuple[Record, ...] = ()


def encode(records: Iterable[Record]) -> bytes:
    """The octets of records, with the shortest headers; raises TlvError for ids and lengths out of range."""
    return b"".join(_encode_one(record) for record in records)


def _encode_one(record: Record) -> bytes:
    body = encode(record.children) if record.level in _CHILDREN else record.value
    if not 0 <= record.id <= _LARGEST_ID or len(body) > _LARGEST_LENGTH:
        raise TlvError(f"no record for id {record.id} with {len(body)} octets")
    first = record.level << 6
    identifier = record.id.to_bytes(1 + (record.id > 0xFF), "big")
    if len(identifier) == 2:
        first |= _LONG_ID
    if len(body) <= _LONGEST_SHORT:
        return bytes([first | len(body)]) + identifier + body
    width = (len(body).bit_length() + 7) // 8
    return bytes([first | width << _LENGTH_TYPE]) + identifier + len(body).to_bytes(width, "big") + body


def decode(data: bytes) -> tuple[Record, ...]:
    """The records of a payload; raises TlvError when it is cut short or nested wrongly."""
    return _decode(data, _TOP)


def _decode(data: bytes, allowed: tuple[Level, ...]) -> tuple[Record, ...]:
    records = []
    at = 0
    while at < len(data):
        record, at = _decode_one(data, at)
        if record.level not in allowed:
            raise TlvError(f"a record of level {record.level.name} where none belongs")
        records.append(record)
    return tuple(records)


def _decode_one(data: bytes, at: int) -> tuple[Record, int]:
    first = data[at]
    level = Level(first >> 6)
    id_end = at + 2 + bool(first & _LONG_ID)
    length_end = id_end + (first >> _LENGTH_TYPE & 3)
    if length_end > len(data):
        raise TlvError("header cut short")
    identifier = int.from_bytes(data[at + 1 : id_end], "big")
    length = int.from_bytes(data[id_end:length_end], "big") if length_end > id_end else first & _LONGEST_SHORT
    end = length_end + length
    if end > len(data):
        raise TlvError("value cut short")
    body = data[length_end:end]
    if level in _CHILDREN:
        return Record(level, identifier, children=_decode(body, _CHILDREN[level])), end
    return Record(level, identifier, body), end
